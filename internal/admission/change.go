package admission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "sigs.k8s.io/json"

	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// read is the change that a request asks for, or why it is none to judge. An error never shows what the object holds.
func read(ctx context.Context, server string, req *admissionv1.AdmissionRequest) (change engine.Change, why string,
	err error) {
	if change.After, err = content(ctx, req.Object); err != nil {
		return change, "", fmt.Errorf("read the object: %w", err)
	}
	if change.Before, err = content(ctx, req.OldObject); err != nil {
		return change, "", fmt.Errorf("read the old object: %w", err)
	}
	if req.Operation == admissionv1.Delete {
		change.After = nil
	}
	any := change.After
	switch {
	case change.After == nil && change.Before == nil:
		return change, "nothing", nil // a deletion whose object the API server does not tell
	case change.After == nil:
		any = change.Before
	case metadata(change.After)["deletionTimestamp"] != nil: // its finalizers must come off
		return change, "deletion", nil
	}
	// The namespace of a Namespace is none; the name of what is deleted by the collection, or made by
	// generateName, is not the request's.
	change.Object = fleet.ObjectRef{
		APIServer: server, Group: req.Kind.Group, Kind: req.Kind.Kind,
		Namespace: text(metadata(any)["namespace"]),
		Name:      cmp.Or(req.Name, text(metadata(any)["name"]), text(metadata(any)["generateName"])),
	}
	return change, "", nil
}

// serverManagedFields is what an API server keeps of an object for itself in its metadata.
var serverManagedFields = []string{"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"}

// content is an object as rules see it: without what the API server keeps for itself, and without secrets. Nil where
// there is none. To read a large one takes long, so ctx is asked at each step.
func content(ctx context.Context, raw runtime.RawExtension) (map[string]any, error) {
	if len(raw.Raw) == 0 || string(raw.Raw) == "null" {
		return nil, nil
	}
	var object map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw.Raw, &object); err != nil || object == nil {
		return nil, errors.New("it is no JSON object")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	delete(object, "status")
	if fields := metadata(object); fields != nil {
		fields = maps.Clone(fields)
		for _, name := range serverManagedFields {
			delete(fields, name)
		}
		object["metadata"] = fields
	}
	redacted := secret.Redact(object)
	return redacted, ctx.Err()
}

func metadata(object map[string]any) map[string]any {
	fields, _ := object["metadata"].(map[string]any)
	return fields
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

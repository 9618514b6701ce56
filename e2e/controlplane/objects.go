package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Objects are those of a text in YAML.
func Objects(t testing.TB, text string) []*unstructured.Unstructured {
	t.Helper()
	var all []*unstructured.Unstructured
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewBufferString(text), 4096)
	for {
		o := &unstructured.Unstructured{}
		err := documents.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
		if len(o.Object) > 0 {
			all = append(all, o)
		}
	}
}

// Apply applies all objects of a text in YAML, server-side as Flux does, and gives what became of them.
func (s *APIServer) Apply(t testing.TB, text string) []*unstructured.Unstructured {
	t.Helper()
	all := Objects(t, text)
	for _, o := range all {
		if err := s.TryApply(t.Context(), o); err != nil {
			t.Fatalf("apply %s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
	return all
}

// TryApply applies one object, which is updated to what the API server stores.
func (s *APIServer) TryApply(ctx context.Context, o *unstructured.Unstructured) error {
	return s.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("e2e"),
		client.ForceOwnership)
}

// Get reads an object by its apiVersion, kind, namespace and name.
func (s *APIServer) Get(ctx context.Context, apiVersion, kind, namespace, name string) (*unstructured.Unstructured,
	error) {
	o := object(apiVersion, kind, namespace, name)
	return o, s.Client.Get(ctx, client.ObjectKeyFromObject(o), o)
}

// hasCondition is an error unless the object's condition has the status.
func (s *APIServer) hasCondition(ctx context.Context, o *unstructured.Unstructured, condition, status string) error {
	o = object(o.GetAPIVersion(), o.GetKind(), o.GetNamespace(), o.GetName())
	if err := s.Client.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
		return err
	}
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		if c := c.(map[string]any); c["type"] == condition && c["status"] == status {
			return nil
		}
	}
	return fmt.Errorf("conditions are %v", conditions)
}

func object(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(schema.FromAPIVersionAndKind(apiVersion, kind))
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

func list(apiVersion, kind string) *unstructured.UnstructuredList {
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(schema.FromAPIVersionAndKind(apiVersion, kind))
	return l
}

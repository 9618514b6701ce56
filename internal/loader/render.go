package loader

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/resourceset"
)

// reconcileLabel on an object, as a label or an annotation with the value "disabled", keeps Flux from applying it, and
// decryptLabel, as an annotation alone and in any case, from decrypting it.
const (
	reconcileLabel = "kustomize.toolkit.fluxcd.io/reconcile"
	decryptLabel   = "kustomize.toolkit.fluxcd.io/decrypt"
)

// rendering is what Flux applies of a path: built, substituted, with common metadata. It says nothing of the cluster or
// of the Flux Kustomization, so that it can be kept for the next run.
type rendering struct {
	Objects []rendered
	// Substitutable: substitution looks at one of the objects.
	Substitutable bool
	// State tells whether Flux's build and substitution work.
	State fleet.State
	// Partial: kustomize could not build, and the objects are the resource files' own, without patches.
	Partial bool
	// Unpatched: so it is, or a patch, a component or a transformer could not be read, which may change the objects.
	Unpatched bool
	// Files are those that take part, sorted.
	Files     []string
	Encrypted []fleet.Origin
	// Disabled are the objects that Flux is told to leave alone.
	Disabled []fleet.ObjectRef
	// DecryptionFaults are those that show without a key.
	DecryptionFaults []fleet.DecryptionFault
	Problems         []fleet.BuildProblem
	Incomplete       []fleet.Incomplete
	// Undefined are the variables in the objects that no source defines.
	Undefined []fleet.UndefinedVariable
	// Clear are the values in the clear of its Secrets.
	Clear []clearValue
	// Joined are those whose lines run together.
	Joined []fleet.JoinedVariable
	// Effects are those of the build, and of substitution.
	Effects []fleet.BuildEffect
	// Seen is what was looked up in the tree for it.
	Seen lookups
}

// whole tells whether all of it could be read.
func (r *rendering) whole() bool { return r.State == fleet.Found && len(r.Incomplete) == 0 }

// rendered is an object as Flux applies it.
type rendered struct {
	// Object lacks what depends on who applies it to what: its ID, the cluster, the API server, the Kustomization.
	Object    fleet.Object
	Encrypted bool
	// whole is the object with its secrets, where it has any and Flux itself reads them.
	whole map[string]any
}

// values counts the values and keys of the object.
func (r rendered) values() int { return countValues(r.Object.Content) }

func countValues(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, value := range v {
			n += 1 + countValues(value)
		}
	case []any:
		for _, value := range v {
			n += countValues(value)
		}
	}
	return n
}

// asApplied is the object with its secrets: what Flux itself reads.
func (r rendered) asApplied() map[string]any {
	if r.whole != nil {
		return r.whole
	}
	return r.Object.Content
}

// renderKey identifies all that a rendering is made from but the tree's files.
func (it *item) renderKey(a *artifact) string {
	key, err := json.Marshal([]any{a.ignoreHash, it.fact.Path, newOverlaySpec(it.spec), it.spec.PostBuild != nil,
		it.spec.CommonMetadata,
		it.vars.values, it.vars.hidden, it.vars.lines, it.vars.open, it.vars.optional, it.vars.always})
	if err != nil { // texts and booleans only
		panic(err)
	}
	return hash(key)
}

// render builds the path of a Kustomization and makes of its objects what Flux applies:
// substitution, then common metadata.
//
// Source: fluxcd/kustomize-controller v1.9.4 internal/controller/kustomization_controller.go:753-866.
func (c *cluster) render(it *item, a *artifact) *rendering {
	b := c.builder.build(a, it.fact.Path, newOverlaySpec(it.spec))
	r := &rendering{State: b.state(), Partial: b.partial, Unpatched: b.unpatched, Files: b.files,
		Encrypted: b.encrypted, DecryptionFaults: b.faults,
		Problems: slices.Clone(b.problems), Incomplete: slices.Clone(b.incomplete), Effects: slices.Clone(b.effects),
		Seen: b.seen}
	var patches []string
	for _, p := range it.spec.Patches {
		patches = append(patches, p.Patch)
	}
	index := newTextIndex(c.written, b, patches)
	for _, built := range b.objects {
		object := built.object
		if str(object, "kind") == "Kustomization" && strings.HasPrefix(
			str(object, "apiVersion"), "kustomize.config.k8s.io/") {
			continue // a kustomization file's own kind, which Flux leaves out
		}
		r.Substitutable = r.Substitutable || !labelled(object, substituteLabel, "disabled")
		if it.spec.PostBuild != nil && built.variables && it.vars.any() {
			substituted, undefined, err := it.vars.apply(object)
			r.addJoined(it.vars, built)
			for _, name := range undefined {
				r.addUndefined(index, it.vars, name, built)
			}
			switch {
			case errors.Is(err, errUnknownValue):
				r.Incomplete = append(r.Incomplete, fleet.Incomplete{
					Kind: fleet.UnknownObject, Why: "an object cannot be read without the values of its variables",
					Origin: built.origin})
			case err != nil:
				r.State = fleet.Missing
				r.Problems = append(r.Problems, fleet.BuildProblem{Kind: "substitution", Origin: built.origin,
					Message: "substitution fails for this object, and with it the whole Kustomization: " +
						firstLine(err)})
			default:
				r.addRetyped(object, substituted, built.origin)
				object = substituted
			}
		}
		if m := it.spec.CommonMetadata; m != nil {
			object = withMetadata(object, m.Labels, m.Annotations)
		}
		if labelled(object, reconcileLabel, "disabled") {
			o := newObject(object, built.origin)
			r.Disabled = append(r.Disabled, fleet.ObjectRef{
				Group: o.Group, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name})
			continue
		}
		r.Clear = append(r.Clear, index.clearValues(built, object)...)
		meta, _ := built.object["metadata"].(map[string]any)
		annotations, _ := meta["annotations"].(map[string]any)
		r.add(object, built.origin, c.isEncrypted(built.origin) && !decryptionDisabled(annotations), b.known)
	}
	return r
}

func (r *rendering) add(object map[string]any, origin fleet.Origin, encrypted bool, known []string) {
	o := rendered{Object: newObject(object, origin, known...), Encrypted: encrypted}
	fluxReads := isFluxKustomization(str(object, "apiVersion"), o.Object.Kind) ||
		o.Object.Group == "source.toolkit.fluxcd.io" || o.Object.Group == resourceset.Group
	if fluxReads && !same(o.Object.Content, object) {
		o.whole = object
	}
	r.Objects = append(r.Objects, o)
}

// fieldWith leads to the first text that asks for a variable, keys in their order; to the
// object itself where none does.
func fieldWith(v any, name string) []any {
	switch v := v.(type) {
	case string:
		if askedFor(v, name) >= 0 {
			return []any{}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if askedFor(key, name) >= 0 {
				return []any{key}
			}
			if field := fieldWith(v[key], name); field != nil {
				return append([]any{key}, field...)
			}
		}
	case []any:
		for i := range v {
			if field := fieldWith(v[i], name); field != nil {
				return append([]any{i}, field...)
			}
		}
	}
	return nil
}

// same tells whether two maps are one: secret.Redact gives back an object without secrets as it is.
func same(a, b map[string]any) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

func (c *cluster) isEncrypted(o fleet.Origin) bool {
	f := c.tree.file(o.File)
	return f != nil && slices.ContainsFunc(f.docs, func(d document) bool {
		return d.Index == o.Document && d.Encryption != nil && len(o.Field) == 0
	})
}

// withMetadata is the object with spec.commonMetadata; the object itself stays as it is.
func withMetadata(object map[string]any, labels, annotations map[string]string) map[string]any {
	out := maps.Clone(object)
	meta, _ := object["metadata"].(map[string]any)
	meta = maps.Clone(meta)
	for field, added := range map[string]map[string]string{"labels": labels, "annotations": annotations} {
		if len(added) == 0 || meta == nil {
			continue
		}
		old, _ := meta[field].(map[string]any)
		all := maps.Clone(old)
		if all == nil {
			all = map[string]any{}
		}
		for k, v := range added {
			all[k] = v
		}
		meta[field] = all
	}
	out["metadata"] = meta
	return out
}

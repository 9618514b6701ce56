// Package resourceset makes of a ResourceSet the objects that the Flux Operator applies, without a cluster.
//
// Source: controlplaneio-fluxcd/flux-operator v0.58.1 internal/inputs (how inputs are combined),
// internal/builder/resourceset.go (what a template may use, which objects are left out).
package resourceset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

const (
	// Group is the API group of a ResourceSet and its input providers.
	Group = "fluxcd.controlplane.io"
	// ReconcileAnnotation with the value "disabled" on an object of a ResourceSet with inputs leaves it out.
	ReconcileAnnotation = Group + "/reconcile"
	// CopyFromAnnotation names a ConfigMap or Secret, namespace/name, of which an object of that kind gets the data.
	CopyFromAnnotation = Group + "/copyFrom"
	// KubeConfigAnnotation names a Secret of which a ConfigMap gets the address of an API server.
	KubeConfigAnnotation = Group + "/convertKubeConfigFrom"
	ownerLabel           = "resourceset." + Group

	// maxInputs bounds the sets of inputs. The Flux Operator refuses more permutations.
	maxInputs = 10_000
	// maxWork bounds what all ResourceSets of a cluster may take: characters and values made, steps of templates.
	maxWork = 64 << 20
)

// Provider gives inputs: the ResourceSet itself, or an input provider.
type Provider struct {
	Kind, Namespace, Name string
	Inputs                []map[string]any
}

// Object is an object that is made.
type Object struct {
	Content map[string]any
	// Field leads to its template in the ResourceSet.
	Field []any
}

// Fault is a place in the ResourceSet, and what is to be said of it, without a value of any input.
type Fault struct {
	Field []any
	Why   string
}

// Result is what a ResourceSet comes to.
type Result struct {
	Objects []Object
	// Failed is why the Flux Operator cannot build it, so that it applies nothing; nil where it can. Limit:
	// only this program cannot.
	Failed *Fault
	Limit  bool
	// Unknown are the templates whose objects hang on an input with a variable that is not known.
	Unknown []Fault
}

// Build makes the objects of a ResourceSet out of its own inputs and those of the other providers,
// within the work that is left.
func Build(object map[string]any, providers []Provider, work *Budget) (r Result) {
	spec, _ := object["spec"].(map[string]any)
	meta, _ := object["metadata"].(map[string]any)
	namespace, name := text(meta, "namespace"), text(meta, "name")
	own := Provider{Kind: "ResourceSet", Namespace: namespace, Name: name}
	list, _ := spec["inputs"].([]any)
	for _, entry := range list {
		inputs, _ := entry.(map[string]any)
		own.Inputs = append(own.Inputs, inputs)
	}
	strategy, _ := spec["inputStrategy"].(map[string]any)
	sets, fault := combine(strategy, append([]Provider{own}, providers...))
	if fault != nil {
		r.Failed = fault
		return r
	}
	from, _ := spec["inputsFrom"].([]any)
	if len(sets) == 0 && len(from) > 0 {
		return r
	}
	b := &builder{sets: sets, work: work}
	steps, _ := spec["steps"].([]any)
	switch {
	case len(steps) == 0:
		r.Objects, r.Failed = b.build(spec, nil)
	case spec["resources"] != nil || text(spec, "resourcesTemplate") != "":
		r.Failed = &Fault{[]any{"spec", "steps"}, "steps stand beside resources"}
	default:
		stepOf := map[string]int{}
		for i, entry := range steps {
			step, _ := entry.(map[string]any)
			objects, failed := b.build(step, []any{"steps", i})
			for _, o := range objects {
				if before, ok := stepOf[key(o.Content)]; ok && before != i && failed == nil {
					failed = &Fault{o.Field, "an object is in two steps"}
				}
				stepOf[key(o.Content)] = i
			}
			if r.Failed = failed; failed != nil {
				break
			}
			r.Objects = append(r.Objects, objects...)
		}
	}
	r.Unknown, r.Limit = b.unknown, b.limit
	if r.Failed != nil {
		r.Objects = nil
		return r
	}
	common, _ := spec["commonMetadata"].(map[string]any)
	labels, _ := common["labels"].(map[string]any)
	annotations, _ := common["annotations"].(map[string]any)
	for _, o := range r.Objects {
		set(o.Content, "labels", labels)
		set(o.Content, "annotations", annotations)
		set(o.Content, "labels", map[string]any{ownerLabel + "/name": name, ownerLabel + "/namespace": namespace})
	}
	return r
}

// set puts labels or annotations into an object. As in the Flux Operator, one that is no text
// loses all that were there.
func set(object map[string]any, field string, all map[string]any) {
	if len(all) == 0 {
		return
	}
	meta, _ := object["metadata"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
		object["metadata"] = meta
	}
	old, _ := meta[field].(map[string]any)
	for _, value := range old {
		if _, ok := value.(string); !ok {
			old = nil
			break
		}
	}
	if old == nil {
		old = map[string]any{}
		meta[field] = old
	}
	maps.Copy(old, all)
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

// combine makes the sets of inputs that each template is executed with.
func combine(strategy map[string]any, providers []Provider) ([]map[string]any, *Fault) {
	slices.SortStableFunc(providers[1:], func(a, b Provider) int {
		return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
	})
	at := []any{"spec", "inputStrategy"}
	name := text(strategy, "name")
	permute := name == "Permute"
	if !permute && name != "" && name != "Flatten" {
		return nil, &Fault{append(at, "name"), "no strategy is called so"}
	}
	empties, _ := strategy["includeEmptyProviders"].(bool)
	var sets []map[string]any
	var ids []string
	first := true
	for _, p := range providers {
		var all []map[string]any
		for _, inputs := range p.Inputs {
			for name, value := range inputs {
				if value == nil { // api/v1/resourceset_types.go GetInputs: it panics
					return nil, &Fault{[]any{"spec", "inputs"}, fmt.Sprintf(
						"the input %q is null, which the Flux Operator cannot read", name)}
				}
			}
			inputs = runtime.DeepCopyJSON(inputs) // a template may change it
			if inputs == nil {
				inputs = map[string]any{}
			}
			inputs["provider"] = map[string]any{"apiVersion": Group + "/v1", "kind": p.Kind, "name": p.Name,
				"namespace": p.Namespace}
			all = append(all, inputs)
		}
		if !permute {
			if sets = append(sets, all...); len(sets) > maxInputs {
				return nil, &Fault{[]any{"spec"}, fmt.Sprintf("there are more than %d sets of inputs", maxInputs)}
			}
			continue
		}
		if len(all) == 0 && !empties {
			continue
		}
		scope := normalised(p.Name)
		if scope == "" {
			return nil, &Fault{at, "the name of a provider has no letter and no digit"}
		}
		if first {
			sets, ids, first = []map[string]any{{}}, []string{""}, false
		}
		if len(sets)*len(all) > maxInputs {
			return nil, &Fault{at, fmt.Sprintf("there are more than %d permutations of the inputs", maxInputs)}
		}
		var next []map[string]any
		var nextIDs []string
		for i, set := range sets {
			for j, inputs := range all {
				both := maps.Clone(set)
				both[scope] = inputs
				next = append(next, both)
				nextIDs = append(nextIDs, strings.TrimPrefix(fmt.Sprintf("%s/%s=%d", ids[i], scope, j), "/"))
			}
		}
		sets, ids = next, nextIDs
	}
	for i, id := range ids {
		sets[i]["id"] = fmt.Sprint(adler32.Checksum([]byte(id)))
	}
	return sets, nil
}

// normalised is a provider's name as a template calls it: lower case, and one "_" for what is neither letter nor digit.
func normalised(name string) string {
	words := strings.FieldsFunc(strings.Map(func(r rune) rune {
		r = unicode.ToLower(r)
		switch {
		case unicode.IsSpace(r), unicode.IsPunct(r):
			return '_'
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		}
		return -1
	}, name), func(r rune) bool { return r == '_' })
	return strings.Join(words, "_")
}

// builder makes objects with the sets of inputs.
type builder struct {
	sets    []map[string]any
	work    *Budget
	unknown []Fault
	limit   bool
}

// build makes the objects of what has resources and a resourcesTemplate: the spec, or a step.
func (b *builder) build(of map[string]any, at []any) (all []Object, failed *Fault) {
	seen := map[string]bool{}
	add := func(object map[string]any, field []any, dedupe bool) {
		if k := key(object); !dedupe || !seen[k] {
			seen[k] = true
			all = append(all, Object{object, field})
		}
	}
	at = slices.Concat([]any{"spec"}, at)
	resources, _ := of["resources"].([]any)
	for i, resource := range resources {
		field := slices.Concat(at, []any{"resources", i})
		raw, err := json.Marshal(resource)
		if err == nil {
			raw, err = sigsyaml.JSONToYAML(raw)
		}
		if err != nil {
			return nil, &Fault{field, "it cannot be written as YAML"}
		}
		made, failed := b.execute(string(raw), field, true)
		if failed != nil {
			return nil, failed
		}
		for _, object := range made {
			if len(b.sets) == 0 || !disabled(object) {
				add(object, field, len(b.sets) > 0)
			}
		}
	}
	if template := text(of, "resourcesTemplate"); template != "" {
		field := slices.Concat(at, []any{"resourcesTemplate"})
		made, failed := b.execute(template, field, false)
		if failed != nil {
			return nil, failed
		}
		for _, object := range made {
			if !disabled(object) {
				add(object, field, true)
			}
		}
	}
	return all, nil
}

// execute makes the objects of a template, of one or of any number, with each set of inputs.
func (b *builder) execute(source string, field []any, one bool) (all []map[string]any, failed *Fault) {
	fail := func(err error) *Fault {
		b.limit = b.limit || errors.Is(err, errLimit)
		return &Fault{field, explain(err)}
	}
	t, err := newTemplate(source, b.work)
	if err != nil {
		return nil, fail(err)
	}
	sets := b.sets
	if len(sets) == 0 {
		sets = []map[string]any{nil}
	}
	for _, inputs := range sets {
		if t.hangsOn(inputs) {
			b.unknown = append(b.unknown, Fault{field,
				"what the template makes hangs on an input that is not known here"})
			return nil, nil
		}
		made, err := t.execute(inputs)
		if err == nil {
			made, err = b.decode(made, one)
		}
		if err != nil {
			return nil, fail(err)
		}
		all = append(all, made.objects...)
	}
	return all, nil
}

// outcome is the text that a template comes to, and its objects.
type outcome struct {
	text    []byte
	objects []map[string]any
}

// decode reads the objects in a text, as the Flux Operator does.
//
// Source: fluxcd/pkg ssa/v0.77.0 utils/object.go ReadObject, ReadObjects.
func (b *builder) decode(made outcome, one bool) (outcome, error) {
	reader := yamlutil.NewYAMLOrJSONDecoder(bytes.NewReader(made.text), 2048)
	for {
		var o unstructured.Unstructured
		err := reader.Decode(&o)
		if err == nil {
			err = b.work.take(size(o.Object, 0))
		}
		switch {
		case errors.Is(err, errLimit):
			return made, err
		case errors.Is(err, io.EOF) && !one:
			return made, nil
		case err != nil:
			return made, fmt.Errorf("%w: %w", errNoObject, err)
		case one:
			made.objects = append(made.objects, o.Object)
			return made, nil
		case o.IsList():
			items, _ := o.Object["items"].([]any)
			for _, item := range items {
				if object, ok := item.(map[string]any); ok {
					made.objects = append(made.objects, object)
				}
			}
		case o.GetName() != "" && o.GetKind() != "" && o.GetAPIVersion() != "" &&
			!(o.GetKind() == "Kustomization" && strings.HasPrefix(o.GetAPIVersion(), "kustomize.config.k8s.io/")):
			made.objects = append(made.objects, o.Object)
		}
	}
}

// errNoObject is for a text that is no Kubernetes object.
var errNoObject = errors.New("what the template makes is no Kubernetes object")

// key tells objects apart: versions of one kind are one object.
func key(object map[string]any) string {
	o := unstructured.Unstructured{Object: object}
	return strings.Join([]string{o.GroupVersionKind().Group, o.GetKind(), o.GetNamespace(), o.GetName()}, "/")
}

func disabled(object map[string]any) bool {
	o := unstructured.Unstructured{Object: object}
	return o.GetAnnotations()[ReconcileAnnotation] == "disabled"
}

package loader

import (
	"encoding/base64"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/resourceset"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// resourceSet is a ResourceSet of the Flux Operator that waits to be rendered.
type resourceSet struct {
	it     *item // what applies it
	object map[string]any
	fact   *fleet.Object
	// depth counts the ResourceSets that make one another.
	depth int
}

// inputProvider is a ResourceSetInputProvider.
type inputProvider struct {
	namespace, name string
	object          map[string]any
}

// inputsOf are the providers that a ResourceSet takes inputs from. unknown says why some of them are not known, and at
// which of its inputsFrom. Those that a selector names are known only when nothing else is to be followed: last.
func (c *cluster) inputsOf(s *resourceSet) (all []resourceset.Provider, selects bool, unknown string, at int) {
	spec, _ := s.object["spec"].(map[string]any)
	from, _ := spec["inputsFrom"].([]any)
	taken := map[string]bool{}
	take := func(p inputProvider, i int) {
		spec, _ := p.object["spec"].(map[string]any)
		if taken[p.name] {
			return
		}
		taken[p.name] = true
		if kind := str(spec, "type"); kind != "Static" {
			unknown, at = fmt.Sprintf("the inputs of the ResourceSetInputProvider %q of the type %q are not in Git",
				p.name, kind), i
			return
		}
		values, _ := spec["defaultValues"].(map[string]any)
		inputs := maps.Clone(values)
		if inputs == nil {
			inputs = map[string]any{}
		}
		inputs["id"] = idOf(p.name)
		all = append(all, resourceset.Provider{Kind: "ResourceSetInputProvider", Namespace: p.namespace, Name: p.name,
			Inputs: []map[string]any{inputs}})
	}
	for i, entry := range from {
		ref, _ := entry.(map[string]any)
		name := str(ref, "name")
		if selector, _ := ref["selector"].(map[string]any); name == "" && selector != nil {
			selects = true
			var parsed metav1.LabelSelector
			matches, err := labels.Selector(nil), runtime.DefaultUnstructuredConverter.FromUnstructured(
				selector, &parsed)
			if err == nil {
				matches, err = metav1.LabelSelectorAsSelector(&parsed)
			}
			if err != nil {
				unknown, at = "a selector of input providers cannot be read", i
				continue
			}
			for _, p := range c.providers {
				if p.namespace == s.fact.Namespace && matches.Matches(
					labels.Set(textsOf(p.object, "metadata", "labels"))) {
					take(p, i)
				}
			}
			continue
		}
		found := slices.IndexFunc(c.providers, func(p inputProvider) bool {
			return p.namespace == s.fact.Namespace && p.name == name
		})
		if found < 0 {
			unknown, at = fmt.Sprintf("the ResourceSetInputProvider %q is not in Git", name), i
			continue
		}
		take(c.providers[found], i)
	}
	return all, selects, unknown, at
}

// idOf stands for the ID of a provider's inputs, which the API server makes of the object's UID.
func idOf(provider string) string {
	return "${id_" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, provider) + "}"
}

// textsOf is a map of texts in an object.
func textsOf(object map[string]any, path ...string) map[string]string {
	for _, step := range path[:len(path)-1] {
		object, _ = object[step].(map[string]any)
	}
	m, _ := object[path[len(path)-1]].(map[string]any)
	all := map[string]string{}
	for key, value := range m {
		all[key], _ = value.(string)
	}
	return all
}

// renderSets renders the ResourceSets whose inputs are known by now, and when last those that are left. It gives the
// Kustomizations that they make, and tells whether any was rendered.
func (c *cluster) renderSets(last bool) (children []*item, any bool) {
	waiting := c.sets
	c.sets = nil
	for i, s := range waiting {
		inputs, selects, unknown, at := c.inputsOf(s)
		if !last && (selects || unknown != "" || !c.copies(s)) {
			c.sets = append(c.sets, s)
			continue
		}
		any = true
		if unknown != "" {
			c.unknownSet(s, unknown, "spec", "inputsFrom", at)
			continue
		}
		children = append(children, c.renderSet(s, inputs)...)
		if last && len(children) > 0 { // which may bring what others wait for
			c.sets = append(c.sets, waiting[i+1:]...)
			break
		}
	}
	return children, any
}

// copies tells whether everything that the ResourceSet copies without a variable in its name is known by now.
func (c *cluster) copies(s *resourceSet) bool {
	spec, _ := s.object["spec"].(map[string]any)
	resources, _ := spec["resources"].([]any)
	for _, resource := range resources {
		o, _ := resource.(map[string]any)
		from := textsOf(o, "metadata", "annotations")[resourceset.CopyFromAnnotation]
		if namespace, name, ok := strings.Cut(from, "/"); ok && !strings.Contains(from, "<<") &&
			c.find(str(o, "kind"), namespace, name) == nil {
			return false
		}
	}
	return true
}

func (c *cluster) unknownSet(s *resourceSet, why string, field ...any) {
	origin := s.fact.Origin
	origin.Field = slices.Concat(origin.Field, field)
	inc := fleet.Incomplete{Kind: fleet.UnknownProducer, Origin: origin,
		Why: secret.Message(fmt.Sprintf("of the ResourceSet %q not all is known: %s", s.fact.Name, why))}
	// for each set of inputs
	if last := len(c.fact.Incomplete) - 1; last < 0 || !reflect.DeepEqual(c.fact.Incomplete[last], inc) {
		c.fact.Incomplete = append(c.fact.Incomplete, inc)
	}
}

// renderSet renders one ResourceSet.
func (c *cluster) renderSet(s *resourceSet, inputs []resourceset.Provider) (children []*item) {
	made := resourceset.Build(s.object, inputs, c.work)
	for _, u := range made.Unknown {
		c.unknownSet(s, u.Why, u.Field...)
	}
	if failed := made.Failed; failed != nil {
		c.unknownSet(s, failed.Why, failed.Field...)
		kind := resourceSetProblem
		if made.Limit {
			kind = "limit"
		}
		k := c.kustomizationOf(s.it)
		k.Problems = append(k.Problems, fleet.BuildProblem{Kind: kind, Origin: s.fact.Origin, At: failed.Field,
			Message: secret.Message(fmt.Sprintf("the ResourceSet %q cannot be built, so nothing of it is applied: %s",
				s.fact.Name, failed.Why))})
		return nil
	}
	index := newTextIndex(c.written, &build{files: s.it.rendering.Files}, nil)
	for _, o := range made.Objects {
		origin := s.fact.Origin
		origin.Field = slices.Concat(origin.Field, o.Field)
		c.clear = append(c.clear, c.resolveClear(s.it, index.clearValues(
			built{object: o.Content, origin: origin}, o.Content))...)
		if why := c.copy(o.Content); why != "" {
			c.unknownSet(s, why, o.Field...)
			continue
		}
		var r rendering
		r.add(o.Content, origin, false, nil)
		r.Objects[0].Object.ResourceSet = s.fact.Namespace + "/" + s.fact.Name
		before := len(c.sets)
		children = append(children, c.apply(s.it, r.Objects[0])...)
		for _, inner := range c.sets[before:] {
			inner.depth = s.depth + 1
		}
		k := c.kustomizationOf(s.it)
		k.Incomplete = append(k.Incomplete, unknownChart(&r.Objects[0].Object)...)
	}
	if len(c.seen) > maxKustomizations || c.values > maxValues || s.depth > maxChain ||
		len(c.setsSeen) > maxKustomizations {
		c.sets = nil
	}
	return c.bounded(s.it, children)
}

// kustomizationOf is the fact of a Kustomization that was integrated.
func (c *cluster) kustomizationOf(it *item) *fleet.Kustomization {
	for i := len(c.kustomizations) - 1; ; i-- {
		if c.kustomizations[i].ID == it.fact.ID {
			return &c.kustomizations[i]
		}
	}
}

// copy puts the data into an object that the Flux Operator copies there, and says why it cannot: those are not in Git.
//
// Source: controlplaneio-fluxcd/flux-operator v0.58.1
// internal/controller/resourceset_controller_configs.go copyResources.
func (c *cluster) copy(object map[string]any) (why string) {
	kind, annotations := str(object, "kind"), textsOf(object, "metadata", "annotations")
	if str(object, "apiVersion") != "v1" || kind != "ConfigMap" && kind != "Secret" {
		return ""
	}
	if from := annotations[resourceset.KubeConfigAnnotation]; from != "" && kind == "ConfigMap" {
		return fmt.Sprintf("the ConfigMap %q gets its data from the kubeconfig %q", textsOf(object, "metadata")["name"],
			from)
	}
	from, ok := annotations[resourceset.CopyFromAnnotation]
	if !ok {
		return ""
	}
	namespace, name, _ := strings.Cut(from, "/")
	source := c.find(kind, namespace, name)
	if source == nil {
		return fmt.Sprintf("the %s %q is copied from %q, which is not in Git", kind,
			textsOf(object, "metadata")["name"], from)
	}
	data := map[string]any{}
	for _, field := range []string{"data", "stringData"} {
		values, _ := source[field].(map[string]any)
		for key, value := range values {
			if text, ok := value.(string); ok && kind == "Secret" && field == "data" {
				if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
					value = string(decoded)
				}
			}
			data[key] = value
		}
	}
	if kind == "Secret" {
		object["stringData"] = data
		if _, ok := object["type"]; !ok && source["type"] != nil {
			object["type"] = source["type"]
		}
		return ""
	}
	object["data"] = data
	if binary, ok := source["binaryData"]; ok {
		object["binaryData"] = binary
	}
	return ""
}

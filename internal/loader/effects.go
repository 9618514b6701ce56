package loader

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// effects are what the patches of a build do, or do not, without a word: those whose target is nothing, and those
// that take entries out of lists of Flux's objects.
func (p *plan) effects(objects []built) (all []fleet.BuildEffect) {
	for _, f := range p.patched {
		for _, entry := range slices.Concat(f.all, f.last) {
			if entry.Target == nil {
				continue // kustomize fails where it is for nothing, and what it is for is named
			}
			if effect, ok := p.idle(&entry, objects); ok {
				all = append(all, effect)
			}
			all = append(all, p.losses(&entry, objects)...)
		}
	}
	return all
}

// effect is one of a patch, in its file or in the spec of the Flux Kustomization.
func (w place) effect(kind string) fleet.BuildEffect {
	return fleet.BuildEffect{Kind: kind, Origin: fleet.Origin{File: w.file}, Field: w.at, Names: []string{}}
}

// idle tells whether the target of a patch, which has a kind and one name, is nothing in the build. A component may
// be for what only some of those who take it have.
func (p *plan) idle(entry *patchEntry, objects []built) (fleet.BuildEffect, bool) {
	t := entry.Target
	component := slices.ContainsFunc(p.taken, func(t taken) bool { return t.file == entry.where.file && t.component })
	if t.Kind == "" || t.Name == "" || strings.ContainsAny(t.Name+t.Kind, `*+?()[]{}|^$\`) ||
		t.LabelSelector != "" || t.AnnotationSelector != "" ||
		component || len(p.incomplete) > 0 || p.unpatched {
		return fleet.BuildEffect{}, false
	}
	spaces := []string{}
	for _, t := range p.taken[min(1, len(p.taken)):] {
		spaces = append(spaces, t.k.Namespace)
	}
	root := ""
	if len(p.taken) > 0 {
		root = p.taken[0].k.Namespace
	}
	elsewhere := false
	for _, b := range objects {
		group, version, ok := strings.Cut(str(b.object, "apiVersion"), "/")
		if !ok {
			group, version = "", group
		}
		meta, _ := b.object["metadata"].(map[string]any)
		doc := p.documentOf(b.origin)
		name := str(meta, "name")
		kinds := []string{str(b.object, "kind"), doc.Kind} // a patch may change it
		if generator, ok := firstStep(b.origin.Field); ok {
			kinds[1] = generatedKinds[generator]
		}
		if !slices.Contains(kinds, t.Kind) || t.Group != "" && !isWhole(t.Group, group) ||
			t.Version != "" && !isWhole(t.Version, version) ||
			t.Name != name && t.Name != doc.Name && !(len(b.origin.Field) > 0 && strings.HasPrefix(name, t.Name+"-")) {
			continue
		}
		had := append([]string{doc.Namespace}, spaces...)
		if root == "" {
			had = append(had, str(meta, "namespace"))
		}
		if t.Namespace == "" || len(b.origin.Field) > 0 || slices.ContainsFunc(had, func(ns string) bool {
			return isWhole(t.Namespace, ns) || ns == "" && isWhole(t.Namespace, "default")
		}) {
			return fleet.BuildEffect{}, false
		}
		elsewhere = elsewhere || t.Namespace == str(meta, "namespace")
	}
	for _, name := range p.resources { // another patch may have deleted it; what is empty is to be filled in
		docs := p.artifact.tree.file(name).docs
		if len(docs) == 0 || !elsewhere && slices.ContainsFunc(docs, func(d document) bool {
			return d.Kind == t.Kind && d.Name == t.Name
		}) {
			return fleet.BuildEffect{}, false
		}
	}
	e := entry.where.effect("idle")
	e.Field = append(slices.Clone(e.Field), "target")
	e.Names = []string{secret.Name(t.Kind), secret.Name(t.Name)}
	if elsewhere {
		e.What = secret.Name(t.Namespace)
		e.Field = append(e.Field, "namespace")
	} else {
		e.Field = append(e.Field, "name")
	}
	return e, true
}

// generatedKinds are those of what kustomize's generators make.
var generatedKinds = map[string]string{"configMapGenerator": "ConfigMap", "secretGenerator": "Secret"}

func firstStep(field fleet.Field) (name string, ok bool) {
	if len(field) > 0 {
		name, ok = field[0].(string)
	}
	return name, ok
}

// isWhole tells whether all of a text matches, as kustomize's selectors ask for.
//
// Source: kubernetes-sigs/kustomize api/v0.21.1 types/selector.go:53.
func isWhole(pattern, text string) bool {
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	return err == nil && re.MatchString(text)
}

// documentOf is the document that an object comes from; an empty one for what a generator makes.
func (p *plan) documentOf(origin fleet.Origin) document {
	if f := p.artifact.tree.file(origin.File); f != nil && len(origin.Field) == 0 {
		if i := slices.IndexFunc(f.docs, func(d document) bool { return d.Index == origin.Document }); i >= 0 {
			return f.docs[i]
		}
	}
	return document{}
}

// fluxLists are the lists of Flux's objects that name what is needed, by kind.
var fluxLists = map[string][][]string{
	"Kustomization": {{"spec", "dependsOn"}, {"spec", "postBuild", "substituteFrom"}, {"spec", "patches"},
		{"spec", "components"}, {"spec", "healthChecks"}, {"spec", "images"}},
	"HelmRelease": {{"spec", "dependsOn"}, {"spec", "valuesFrom"}, {"spec", "postRenderers"}},
}

// losses are the entries that objects' lists lose by a merge patch for all of a kind: kustomize knows no key by
// which to merge lists of custom resources. A patch that names its object will mean to.
func (p *plan) losses(entry *patchEntry, objects []built) (all []fleet.BuildEffect) {
	if name := entry.Target.Name; name != "" && regexp.QuoteMeta(name) == name {
		return nil
	}
	text := p.patchText(entry)
	var patch map[string]any
	if !strings.Contains(string(text), "spec") || sigsyaml.Unmarshal(text, &patch) != nil {
		return nil
	}
	for _, list := range fluxLists[str(patch, "kind")] {
		brings, _ := valueAt(patch, list).([]any)
		if len(brings) == 0 {
			continue
		}
		for _, b := range objects {
			if str(b.object, "kind") != str(patch, "kind") || !isFluxObject(b.object) ||
				!selects(entry.Target, b.object) || len(b.origin.Field) > 0 {
				continue
			}
			now, _ := valueAt(b.object, list).([]any)
			if !reflect.DeepEqual(now, brings) {
				continue
			}
			f := p.artifact.tree.file(b.origin.File)
			if f == nil {
				continue
			}
			own, _ := valueAt(objectsOf(f)[b.origin.Document], list).([]any)
			var lost []string
			for _, entry := range own {
				if !slices.ContainsFunc(now, func(other any) bool { return isSameEntry(entry, other) }) {
					lost = append(lost, entryName(entry))
				}
			}
			if len(lost) == 0 {
				continue
			}
			e := entry.where.effect("dropped")
			meta, _ := b.object["metadata"].(map[string]any)
			e.What, e.Names, e.In = strings.Join(list, "."), lost[:min(3, len(lost))], b.origin
			e.Object = fmt.Sprintf("%s %q", str(patch, "kind"), secret.Name(str(meta, "name")))
			e.In.Field = []any{list[0], list[1]}
			all = append(all, e)
		}
	}
	return all
}

func objectsOf(f *file) map[int]map[string]any { return objects(f.text()) }

func isFluxObject(object map[string]any) bool {
	group, _, _ := strings.Cut(str(object, "apiVersion"), "/")
	return strings.HasSuffix(group, ".toolkit.fluxcd.io")
}

// selects tells whether a target without a name selects an object, as far as kind and names go.
func selects(t *types.Selector, object map[string]any) bool {
	meta, _ := object["metadata"].(map[string]any)
	return t.LabelSelector == "" && t.AnnotationSelector == "" &&
		(t.Kind == "" || isWhole(t.Kind, str(object, "kind"))) &&
		(t.Name == "" || isWhole(t.Name, str(meta, "name")))
}

func valueAt(value any, at []string) any {
	for _, step := range at {
		m, _ := value.(map[string]any)
		value = m[step]
	}
	return value
}

// isSameEntry tells whether two entries of a list are about one thing.
func isSameEntry(a, b any) bool {
	m, isMap := a.(map[string]any)
	n, alike := b.(map[string]any)
	if !isMap || !alike || m["name"] == nil {
		return reflect.DeepEqual(a, b)
	}
	return m["name"] == n["name"] && m["kind"] == n["kind"] && m["namespace"] == n["namespace"]
}

// entryName is how a message calls an entry of a list.
func entryName(entry any) string {
	switch entry := entry.(type) {
	case string:
		return secret.Name(path.Clean(entry))
	case map[string]any:
		if name := str(entry, "name"); name != "" {
			return secret.Name(name)
		}
	}
	return "an entry"
}

// podKinds are the kinds of Kubernetes with containers.
var podKinds = map[string]bool{
	"Deployment": true, "StatefulSet": true, "DaemonSet": true, "ReplicaSet": true, "Job": true, "CronJob": true,
	"Pod": true,
}

// addRetyped adds the texts of an object that substitution has made a number or a truth value of where the API
// server takes text alone.
func (r *rendering) addRetyped(before, after map[string]any, origin fleet.Origin) {
	if len(after) == 0 {
		return
	}
	kind := str(before, "kind")
	core := str(before, "apiVersion") == "v1"
	var walk func(a, b any, field []any)
	walk = func(a, b any, field []any) {
		switch a := a.(type) {
		case map[string]any:
			b, _ := b.(map[string]any)
			for _, key := range slices.Sorted(maps.Keys(a)) {
				if b[key] != nil {
					walk(a[key], b[key], append(slices.Clip(field), key))
				}
			}
		case []any:
			b, _ := b.([]any)
			for i := range min(len(a), len(b)) {
				walk(a[i], b[i], append(slices.Clip(field), i))
			}
		case string:
			what := ""
			switch b.(type) {
			case float64, int64, int:
				what = "a number"
			case bool:
				what = "a truth value"
			}
			names := variable.FindAllStringSubmatch(a, 3)
			if what == "" || len(names) == 0 || !takesText(kind, core, field) {
				return
			}
			meta, _ := after["metadata"].(map[string]any)
			e := fleet.BuildEffect{Kind: "retyped", Origin: origin, In: origin, What: what, Names: []string{},
				Field:  slices.Concat(fleet.Field{}, field),
				Object: fmt.Sprintf("%s %q", secret.Name(kind), secret.Name(str(meta, "name")))}
			for _, name := range names {
				e.Names = append(e.Names, name[1])
			}
			r.Effects = append(r.Effects, e)
		}
	}
	walk(before, after, nil)
}

// takesText tells whether the API server takes nothing but text at a field.
func takesText(kind string, core bool, field []any) bool {
	in := func(i int, names ...string) bool {
		name, _ := field[i].(string)
		return slices.Contains(names, name)
	}
	n := len(field)
	switch {
	case n == 3 && in(0, "metadata") && in(1, "labels", "annotations"):
		return true
	case n == 2 && core && kind == "ConfigMap":
		return in(0, "data")
	case n == 2 && core && kind == "Secret":
		return in(0, "data", "stringData")
	case podKinds[kind] && n > 4:
		return in(n-1, "value") && in(n-3, "env") || in(n-2, "args", "command")
	}
	return false
}

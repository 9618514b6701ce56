package fleet

import (
	"slices"
	"strings"
	"time"
)

// IgnoreAnnotation excepts an object from rules: lines of "RULE [until DATE] [by OWNER]: REASON".
const IgnoreAnnotation = "rollcall.dev/ignore"

// ParseExceptions reads the annotation's text. The exceptions have no place yet.
func ParseExceptions(text string) []Exception {
	var all []Exception
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		terms, reason, _ := strings.Cut(line, ":")
		all = append(all, NewException(terms, reason))
	}
	return all
}

// NewException reads "RULE [until DATE] [by OWNER]".
func NewException(terms, reason string) Exception {
	x := Exception{Reason: strings.TrimSpace(reason)}
	words := strings.Fields(terms)
	if len(words) == 0 {
		return x
	}
	x.Rule, words = words[0], words[1:]
	for len(words) > 0 {
		switch {
		case len(words) > 1 && words[0] == "until" && x.Until == "" && isDate(words[1]):
			x.Until, words = words[1], words[2:]
		case len(words) > 1 && words[0] == "by" && x.Owner == "":
			x.Owner, words = words[1], words[2:]
		default:
			x.Unread = strings.Join(words, " ")
			return x
		}
	}
	return x
}

func isDate(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// DeclaredException is an exception of the configuration. It allows findings that all of its terms fit.
type DeclaredException struct {
	Exception
	// Path tells of a file whether it is meant; nil for all.
	Path func(string) bool
	// Clusters are Flux clusters, and Objects are "Kind/name" or "Kind/namespace/name"; nil for all.
	Clusters, Objects []string
	// Identity is that of the only finding that is meant, as Fleet.Identity has it; empty for any.
	Identity string
}

// DeclaredExceptions are those of the configuration.
func (f *Fleet) DeclaredExceptions() []DeclaredException { return f.exceptions }

// Allows tells whether an exception is from the finding's rule and fits its place. A finding in a file is one of all
// clusters that read the file.
func (f *Fleet) Allows(d DeclaredException, found Finding) bool {
	if d.Rule != found.Rule || d.Path != nil && !d.Path(found.Place.File) {
		return false
	}
	if d.Objects != nil && !slices.Contains(d.Objects, found.Object.Kind+"/"+found.Object.Name) &&
		!slices.Contains(d.Objects, found.Object.Kind+"/"+found.Object.Namespace+"/"+found.Object.Name) {
		return false
	}
	if d.Clusters == nil {
		return true
	}
	clusters := found.Clusters
	switch {
	case len(clusters) > 0:
	case found.Object.Cluster != "":
		clusters = []string{found.Object.Cluster}
	default:
		clusters = f.Files[found.Place.File].ReachedBy
	}
	return len(clusters) > 0 &&
		!slices.ContainsFunc(clusters, func(name string) bool { return !slices.Contains(d.Clusters, name) })
}

// Exceptions are those that the object's own annotation makes.
func (o Object) Exceptions() []Exception {
	return ParseExceptions(textAt(o.Content, "metadata", "annotations", IgnoreAnnotation))
}

// ExceptionsAt are the paths of the facts that hold the exceptions of the object that a subject
// is about, if there is one.
func (f *Fleet) ExceptionsAt(ref ObjectRef) []Path {
	object, ok := f.ObjectOf(ref)
	if !ok {
		return nil
	}
	return []Path{{"objects", object.APIServer, kindOf(object), object.Namespace, object.Name, "object", "metadata",
		"annotations"}}
}

// ObjectOf is the object that a finding is about: the one of that name, or the one that an agent or a control plane is.
func (f *Fleet) ObjectOf(ref ObjectRef) (Object, bool) {
	switch ref.Kind {
	case "Agent":
		return f.entityObject(ref.Name, f.Agents[ref.Name].Kind)
	case "ControlPlane":
		for _, id := range sorted(f.ControlPlanes) {
			if c := f.ControlPlanes[id]; c.Cluster == ref.Cluster && c.Namespace == ref.Namespace &&
				c.Name == ref.Name {
				return f.entityObject(c.ID, c.Kind)
			}
		}
	}
	return f.object(key{ref.APIServer, GroupKind(ref.Group, ref.Kind), ref.Namespace, ref.Name})
}

// entityObject is the object with an entity's ID: apiServer/namespace/name, and its kind where two have one name.
func (f *Fleet) entityObject(id, kind string) (Object, bool) {
	id = strings.TrimSuffix(id, "/"+kind)
	rest, name := cutLast(id)
	server, namespace := cutLast(rest)
	for _, group := range []string{"helm.toolkit.fluxcd.io", "apps", "operator.karmada.io"} {
		if object, ok := f.object(key{server, GroupKind(group, kind), namespace, name}); ok {
			return object, true
		}
	}
	return Object{}, false
}

func cutLast(text string) (before, after string) {
	i := strings.LastIndex(text, "/")
	return text[:max(i, 0)], text[i+1:]
}

package fleet

import "strings"

// IgnoreAnnotation excepts an object from rules: lines of "rule-id: reason".
const IgnoreAnnotation = "rollcall.dev/ignore"

// ParseExceptions reads the annotation's text. The exceptions have no place yet.
func ParseExceptions(text string) []Exception {
	var all []Exception
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		rule, reason, _ := strings.Cut(line, ":")
		all = append(all, Exception{Rule: strings.TrimSpace(rule), Reason: strings.TrimSpace(reason)})
	}
	return all
}

// Exceptions are those that the object's own annotation makes.
func (o Object) Exceptions() []Exception {
	return ParseExceptions(textAt(o.Content, "metadata", "annotations", IgnoreAnnotation))
}

// ExceptionsAt are the paths of the facts that hold the exceptions of the object that a subject is about, if there is one.
func (f *Fleet) ExceptionsAt(ref ObjectRef) []Path {
	object, ok := f.ObjectOf(ref)
	if !ok {
		return nil
	}
	return []Path{{"objects", object.APIServer, kindOf(object), object.Namespace, object.Name, "object", "metadata", "annotations"}}
}

// ObjectOf is the object that a finding is about: the one of that name, or the one that an agent or a control plane is.
func (f *Fleet) ObjectOf(ref ObjectRef) (Object, bool) {
	switch ref.Kind {
	case "Agent":
		return f.entityObject(ref.Name, f.Agents[ref.Name].Kind)
	case "ControlPlane":
		for _, id := range sorted(f.ControlPlanes) {
			if c := f.ControlPlanes[id]; c.Cluster == ref.Cluster && c.Namespace == ref.Namespace && c.Name == ref.Name {
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

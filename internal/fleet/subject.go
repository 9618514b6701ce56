package fleet

import (
	"maps"
)

// Subjects are all things that rules may judge, by kind and then in a fixed order: every object once, and the entities
// of the fleet. They share their contents with the fleet and must not be changed.
func (f *Fleet) Subjects() []Subject {
	return f.SubjectsOf(func(string) bool { return true })
}

// SubjectsOf are the subjects of some kinds only.
func (f *Fleet) SubjectsOf(wanted func(kind string) bool) []Subject {
	entities := map[string]func(func(Subject)){
		kustomizationKind: f.undefinedKustomizations,
		"Cluster":         each(f.Clusters, clusterSubject),
		"Member":          each(f.Members, memberSubject),
		"Agent":           each(f.Agents, agentSubject),
		"ControlPlane":    each(f.ControlPlanes, controlPlaneSubject),
		"File":            each(f.Files, fileSubject),
	}
	total := len(f.Kustomizations) + len(f.Clusters) + len(f.Members) + len(f.Agents) + len(f.ControlPlanes) +
		len(f.Files)
	kinds := map[string]bool{}
	for kind := range entities {
		kinds[kind] = wanted(kind)
	}
	servers := sorted(f.Objects)
	for _, server := range servers {
		for kind, namespaces := range f.Objects[server] {
			if kinds[kind] = wanted(kind); !kinds[kind] {
				continue
			}
			for _, names := range namespaces {
				total += len(names)
			}
		}
	}
	maps.DeleteFunc(kinds, func(_ string, wanted bool) bool { return !wanted })
	subjects := make([]Subject, 0, total)
	add := func(s Subject) { subjects = append(subjects, s) }
	for _, kind := range sorted(kinds) {
		for _, server := range servers {
			for object := range f.ofKind(server, kind) {
				add(f.objectSubject(object))
			}
		}
		if of := entities[kind]; of != nil {
			of(add)
		}
	}
	return subjects
}

// objectSubject is an object, with the entity that it is, if any.
func (f *Fleet) objectSubject(object Object) Subject {
	s := f.bareSubject(object)
	f.derive(&s, object)
	return s
}

// derive adds what is made of an object alone and takes time: what is wrong with it, and what its overrides come to.
func (f *Fleet) derive(s *Subject, object Object) {
	s.Input.Invalid = f.invalid(object)
	if isOverride(s.Kind) {
		s.Input.Overrides = f.effects(object)
	}
}

// bareSubject is an object's subject before derive.
func (f *Fleet) bareSubject(object Object) Subject {
	s := newSubject(kindOf(object), object.Origin, ObjectRef{
		Cluster: object.Cluster, APIServer: object.APIServer,
		Group: object.Group, Kind: object.Kind, Namespace: object.Namespace, Name: object.Name,
	})
	s.Input.Object = object.Content
	id := IDOf(object.APIServer, object.Namespace, object.Name)
	switch s.Kind {
	case kustomizationKind:
		s.Input.Kustomization = lookUp(f.Kustomizations, id)
	case helmReleaseKind, deploymentKind:
		s.Input.Agent = entityOf(f.Agents, id, object.Kind, func(a *Agent) string { return a.Kind })
		s.Input.ControlPlane = entityOf(f.ControlPlanes, id, object.Kind, func(c *ControlPlane) string {
			return c.Kind
		})
	case karmadaKind:
		s.Input.ControlPlane = entityOf(f.ControlPlanes, id, object.Kind, func(c *ControlPlane) string {
			return c.Kind
		})
	case "PropagationPolicy.policy.karmada.io", "ClusterPropagationPolicy.policy.karmada.io",
		"OverridePolicy.policy.karmada.io", "ClusterOverridePolicy.policy.karmada.io":
		s.Input.Policy = lookUp(f.Policies, PolicyID(object))
	case memberKind:
		s.Input.Member = lookUp(f.Members, object.Name)
	}
	return s
}

// kustomizationSubject is a Flux Kustomization that no object in Git defines: Flux starts there.
func kustomizationSubject(k Kustomization) Subject {
	s := newSubject(kustomizationKind, k.Origin, ObjectRef{
		Cluster: k.Cluster, APIServer: k.Cluster,
		Group: "kustomize.toolkit.fluxcd.io", Kind: "Kustomization", Namespace: k.Namespace, Name: k.Name,
	})
	s.Input.Kustomization = &k
	return s
}

// isSubject is true for a Kustomization without an object in Git that there is something to say of.
func (k Kustomization) isSubject() bool { return k.Origin.File != "" || len(k.Problems) > 0 }

// undefinedKustomizations are those that no object in Git defines.
func (f *Fleet) undefinedKustomizations(add func(Subject)) {
	for _, id := range sorted(f.Kustomizations) {
		k := f.Kustomizations[id]
		if _, defined := f.object(key{k.Cluster, kustomizationKind, k.Namespace, k.Name}); !defined && k.isSubject() {
			add(kustomizationSubject(k))
		}
	}
}

// each gives the subjects of entities, in the order of their IDs.
func each[E any](entities map[string]E, subject func(E) Subject) func(func(Subject)) {
	return func(add func(Subject)) {
		for _, id := range sorted(entities) {
			add(subject(entities[id]))
		}
	}
}

func clusterSubject(c Cluster) Subject {
	s := newSubject("Cluster", c.Origin, ObjectRef{Kind: "Cluster", Cluster: c.Name, APIServer: c.Name, Name: c.Name})
	s.Input.FluxCluster = &c
	return s
}

func memberSubject(m Member) Subject {
	s := newSubject("Member", m.Origin, ObjectRef{Kind: "Member", Cluster: m.FluxCluster, Name: m.Name})
	s.Input.Member = &m
	return s
}

func agentSubject(a Agent) Subject {
	s := newSubject("Agent", a.Origin, ObjectRef{Kind: "Agent", Cluster: a.Cluster, Name: a.ID})
	s.Input.Agent = &a
	return s
}

func controlPlaneSubject(c ControlPlane) Subject {
	s := newSubject("ControlPlane", c.Origin, ObjectRef{
		Kind: "ControlPlane", Cluster: c.Cluster, Namespace: c.Namespace, Name: c.Name})
	s.Input.ControlPlane = &c
	return s
}

func fileSubject(file File) Subject {
	s := newSubject("File", Origin{File: file.Path}, ObjectRef{Kind: "File", Name: file.Path})
	s.Input.File = &file
	return s
}

// Facts are the paths of the facts that stand, or may come to stand, in the subject's own input. The first leads to the
// subject itself; see SubjectAt.
func (s Subject) Facts() []Path {
	o := s.Object
	id := IDOf(o.APIServer, o.Namespace, o.Name)
	switch s.Kind {
	case "Cluster":
		return []Path{{"clusters", o.Name}}
	case "Member":
		return []Path{{"members", o.Name}}
	case "Agent":
		return []Path{{"agents", o.Name}}
	case "ControlPlane":
		return []Path{{"controlPlanes", s.Input.ControlPlane.ID}}
	case "File":
		return []Path{{"files", o.Name}}
	}
	paths := []Path{{"objects", o.APIServer, s.Kind, o.Namespace, o.Name}}
	switch s.Kind {
	case kustomizationKind:
		if s.Input.Object == nil {
			return []Path{{"kustomizations", id}}
		}
		paths = append(paths, Path{"kustomizations", id})
	case helmReleaseKind, deploymentKind, karmadaKind:
		paths = append(paths, Path{"agents", id}, Path{"agents", id + "/" + o.Kind},
			Path{"controlPlanes", id}, Path{"controlPlanes", id + "/" + o.Kind})
	case memberKind:
		paths = append(paths, Path{"members", o.Name})
	}
	if isKarmada(o.Group) { // the version decides what it refuses
		paths = append(paths, Path{"controlPlanes"})
	}
	if _, ok := policyKinds[s.Kind]; ok {
		paths = append(paths, Path{"policies", policyIDOf(o)})
	}
	if isOverride(s.Kind) { // what they do hangs on each other, and on what they are done to
		paths = append(paths, Path{"objects", o.APIServer, overrideKind},
			Path{"objects", o.APIServer, clusterOverrideKind})
		if s.Input.Policy != nil {
			for _, selection := range s.Input.Policy.Selections {
				for _, to := range selection.Objects {
					paths = append(paths, Path{"objects", o.APIServer, to.Kind, to.Namespace, to.Name})
				}
			}
		}
	}
	return paths
}

// FieldsAt are the fields of the subject's input that may hang on a fact, such as ["object", "spec"]. The
// whole input is an empty path.
func (s Subject) FieldsAt(fact Path) []Path {
	var fields []Path
	for i, own := range s.Facts() {
		switch {
		case !own.Meets(fact):
		case len(own) == 1:
			fields = append(fields, Path{"invalid"})
		case i > 0: // an entity that an object is
			fields = append(fields, Path{entities[own[0]]})
		case own[0] == "objects" && len(fact) > len(own):
			fields = append(fields, fact[len(own):])
			if isKarmada(s.Object.Group) || isFlux(s.Object.Group) {
				fields = append(fields, Path{"invalid"})
			}
		default: // names and places are those of what the subject is
			fields = append(fields, Path{})
		}
	}
	return fields
}

// entities are the fields of a subject's input that hold an entity, by where entities of that sort are among the facts.
var entities = map[string]string{
	"agents": "agent", "controlPlanes": "controlPlane", "kustomizations": "kustomization", "members": "member",
	"policies": "policy", "objects": "overrides",
}

// SubjectAt is the subject that the first of its Facts leads to; false where there is none.
func (f *Fleet) SubjectAt(path Path) (Subject, bool) {
	s, ok := f.BareSubjectAt(path)
	if ok && len(path) == 5 {
		object, _ := f.object(key{path[1], path[2], path[3], path[4]})
		f.derive(&s, object)
	}
	return s, ok
}

// BareSubjectAt is SubjectAt without what takes time to make of an object: Input.Invalid and
// Input.Overrides. It has the same Facts.
func (f *Fleet) BareSubjectAt(path Path) (Subject, bool) {
	switch {
	case len(path) == 5 && path[0] == "objects":
		object, ok := f.object(key{path[1], path[2], path[3], path[4]})
		return f.bareSubject(object), ok
	case len(path) != 2:
		return Subject{}, false
	}
	switch id := path[1]; path[0] {
	case "clusters":
		c, ok := f.Clusters[id]
		return clusterSubject(c), ok
	case "members":
		m, ok := f.Members[id]
		return memberSubject(m), ok
	case "agents":
		a, ok := f.Agents[id]
		return agentSubject(a), ok
	case "controlPlanes":
		c, ok := f.ControlPlanes[id]
		return controlPlaneSubject(c), ok
	case "kustomizations":
		k, ok := f.Kustomizations[id]
		_, defined := f.object(key{k.Cluster, kustomizationKind, k.Namespace, k.Name})
		return kustomizationSubject(k), ok && !defined && k.isSubject()
	case "files":
		file, ok := f.Files[id]
		return fileSubject(file), ok
	}
	return Subject{}, false
}

func newSubject(kind string, origin Origin, ref ObjectRef) Subject {
	return Subject{Kind: kind, Object: ref, Origin: origin, Input: Input{
		Subject: kind, Cluster: ref.Cluster, APIServer: ref.APIServer, Origin: origin,
	}}
}

func lookUp[T any](entities map[string]T, id string) *T {
	if _, ok := entities[id]; !ok {
		return nil
	}
	entity := entities[id]
	return &entity
}

// entityOf is the entity that an object of some kind is. Of two kinds with one name, one has the kind in its ID.
func entityOf[T any](entities map[string]T, id, kind string, kindOf func(*T) string) *T {
	for _, key := range []string{id + "/" + kind, id} {
		if entity := lookUp(entities, key); entity != nil && kindOf(entity) == kind {
			return entity
		}
	}
	return nil
}

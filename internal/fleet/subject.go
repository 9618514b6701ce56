package fleet

// Subjects are all things that rules judge, by kind and then in a fixed order: every object once, and the entities of
// the fleet. They share their contents with the fleet and must not be changed.
func (f *Fleet) Subjects() []Subject {
	byKind, total := map[string][]*Subject{}, 0
	add := func(s Subject) {
		byKind[s.Kind] = append(byKind[s.Kind], &s)
		total++
	}
	defined := map[string]bool{} // Kustomizations with an object in Git
	for object := range f.kept {
		s := f.objectSubject(object)
		if s.Input.Kustomization != nil {
			defined[s.Input.Kustomization.ID] = true
		}
		add(s)
	}
	for _, id := range sorted(f.Kustomizations) {
		k := f.Kustomizations[id]
		if !defined[id] && (k.Origin.File != "" || len(k.Problems) > 0) {
			add(kustomizationSubject(k))
		}
	}
	f.addEntities(add)
	subjects := make([]Subject, 0, total)
	for _, kind := range sorted(byKind) {
		for _, s := range byKind[kind] {
			subjects = append(subjects, *s)
		}
	}
	return subjects
}

// objectSubject is an object, with the entity that it is, if any.
func (f *Fleet) objectSubject(object Object) Subject {
	s := newSubject(kindOf(object), object.Origin, ObjectRef{
		Cluster: object.Cluster, APIServer: object.APIServer,
		Group: object.Group, Kind: object.Kind, Namespace: object.Namespace, Name: object.Name,
	})
	s.Input.Object = object.Content
	id := object.APIServer + "/" + object.Namespace + "/" + object.Name
	switch s.Kind {
	case kustomizationKind:
		s.Input.Kustomization = lookUp(f.Kustomizations, id)
	case helmReleaseKind, deploymentKind:
		s.Input.Agent = entityOf(f.Agents, id, object.Kind, func(a *Agent) string { return a.Kind })
		s.Input.ControlPlane = entityOf(f.ControlPlanes, id, object.Kind, func(c *ControlPlane) string { return c.Kind })
	case karmadaKind:
		s.Input.ControlPlane = entityOf(f.ControlPlanes, id, object.Kind, func(c *ControlPlane) string { return c.Kind })
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

// addEntities adds the clusters, members, agents, control planes and files.
func (f *Fleet) addEntities(addSubject func(Subject)) {
	add := func(origin Origin, ref ObjectRef, fill func(*Input)) {
		s := newSubject(ref.Kind, origin, ref)
		fill(&s.Input)
		addSubject(s)
	}
	for _, name := range sorted(f.Clusters) {
		c := f.Clusters[name]
		ref := ObjectRef{Kind: "Cluster", Cluster: name, APIServer: name, Name: name}
		add(c.Origin, ref, func(in *Input) { in.FluxCluster = &c })
	}
	for _, name := range sorted(f.Members) {
		m := f.Members[name]
		ref := ObjectRef{Kind: "Member", Cluster: m.FluxCluster, Name: name}
		add(m.Origin, ref, func(in *Input) { in.Member = &m })
	}
	for _, id := range sorted(f.Agents) {
		a := f.Agents[id]
		ref := ObjectRef{Kind: "Agent", Cluster: a.Cluster, Name: id}
		add(a.Origin, ref, func(in *Input) { in.Agent = &a })
	}
	for _, id := range sorted(f.ControlPlanes) {
		c := f.ControlPlanes[id]
		ref := ObjectRef{Kind: "ControlPlane", Cluster: c.Cluster, Namespace: c.Namespace, Name: c.Name}
		add(c.Origin, ref, func(in *Input) { in.ControlPlane = &c })
	}
	for _, name := range sorted(f.Files) {
		file := f.Files[name]
		ref := ObjectRef{Kind: "File", Name: name}
		add(Origin{File: name}, ref, func(in *Input) { in.File = &file })
	}
}

func newSubject(kind string, origin Origin, ref ObjectRef) Subject {
	return Subject{Kind: kind, Object: ref, Origin: origin, Input: Input{
		Subject: kind, Cluster: ref.Cluster, APIServer: ref.APIServer, Origin: origin,
	}}
}

func lookUp[T any](entities map[string]T, id string) *T {
	if entity, ok := entities[id]; ok {
		return &entity
	}
	return nil
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

// Package change compares what two trees come to: what Flux does to each API server once a repository is at the other
// revision, what of that cannot be done in place, which Kustomizations a changed file concerns, and where Karmada
// runs replicas afterwards.
package change

import (
	"cmp"
	"io/fs"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/failover"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Schema names the form of the document. A field is added within a version, never renamed or removed.
const Schema = "rollcall.dev/diff/v1"

// Document is what a change does to a fleet. No value of it is secret: {"$class": class, "$len":
// bytes} stands in its place.
type Document struct {
	Schema string `json:"schema"`
	// Before and After are the revisions.
	Before Revision `json:"before"`
	After  Revision `json:"after"`
	// Clusters are all Flux clusters of both, sorted by name.
	Clusters []Cluster `json:"clusters"`
	// Files are the changed files that Flux builds something of, sorted by path.
	Files []File `json:"files"`
	// Moves are the workloads of Karmada's policies of which the replicas run elsewhere, or do
	// so once a member is lost.
	Moves []failover.Move `json:"moves"`
	// Unknown are the Kustomizations whose objects cannot be compared, sorted.
	Unknown []Note `json:"unknown"`
}

// Revision is a revision of the repository.
type Revision struct {
	// Name is as it was asked for; "the work tree" for the files as they lie there.
	Name string `json:"name"`
	// Commit is its hash; empty for the work tree.
	Commit string `json:"commit"`
}

// State tells what becomes of a cluster.
type State string

// States of a cluster.
const (
	Same    State = "same"
	Changed State = "changed"
	// New: the tree had no such cluster before.
	New State = "new"
	// Gone: the tree has no such cluster any more. Nothing is deleted: its Flux finds no path.
	Gone State = "gone"
)

// Cluster is a Flux cluster.
type Cluster struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Servers are the API servers to which something happens, sorted by ID.
	Servers []Server `json:"apiServers"`
	// Notes are about its Kustomizations.
	Notes []Note `json:"notes"`
}

// Server is an API server.
type Server struct {
	ID string `json:"id"`
	// Kind is "cluster", "karmada" or "unknown".
	Kind string `json:"kind"`
	// Objects are those to which something happens, by action, kind, namespace and name.
	Objects []Object `json:"objects"`
}

// Action is what Flux does with an object.
type Action string

// Actions. They sort as they are listed.
const (
	Prune Action = "prune"
	// Orphan: it is not applied any more, and stays where it is.
	Orphan Action = "orphan"
	// HandOver: another Kustomization applies it from now on.
	HandOver Action = "hand over"
	Change   Action = "change"
	Create   Action = "create"
)

var actions = []Action{Prune, Orphan, HandOver, Change, Create}

// Object is what happens to an object.
type Object struct {
	Action    Action `json:"action"`
	Group     string `json:"group"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Before and After are the IDs of the Kustomizations that apply it; empty where none does.
	Before string `json:"before"`
	After  string `json:"after"`
	// File is where it comes from: after the change, else before.
	File string `json:"file"`
	// Why is the reason why it is pruned or left alone, in a sentence; empty elsewhere.
	Why string `json:"why,omitempty"`
	// Waits says what holds it back, and Uncertain why it may come otherwise; empty where nothing does.
	Waits     string `json:"waits,omitempty"`
	Uncertain string `json:"uncertain,omitempty"`
	// Fields are those that differ; those of an object that comes or goes are not listed.
	Fields []Field `json:"fields,omitempty"`
	// FieldsLeftOut counts further ones.
	FieldsLeftOut int `json:"fieldsLeftOut,omitempty"`
	// Marks are what cannot be done in place, and what goes with it.
	Marks []Mark `json:"marks,omitempty"`
}

// Field is a field that differs.
type Field struct {
	// Path leads to it: spec.template.spec.containers[web].image. An entry of a list is called by
	// its name, else by its place.
	Path string `json:"path"`
	// Before and After are its values, null where there is none. Long texts are cut.
	Before any `json:"before"`
	After  any `json:"after"`
	// Hidden: the value differs, and is not shown.
	Hidden bool `json:"hidden,omitempty"`
	// Lines are those that differ of a text of several lines, each with "-" or "+" before it.
	Lines []string `json:"lines,omitempty"`
}

// Mark is something that a change does beside what it seems to.
type Mark struct {
	// Kind is "refused" (the API server refuses the change of a field), "recreated" (Flux deletes the object and
	// creates it anew), "ignored" (the API server keeps the old value), "reinstalled" (a Helm release is uninstalled
	// and installed anew), "renamed", "deleted-first" (it may be deleted before the other Kustomization applies it), or
	// "contents" (something else goes with it).
	Kind string `json:"kind"`
	// Field is the one that it is about; empty for the object.
	Field string `json:"field,omitempty"`
	Why   string `json:"why"`
}

// Note is about a Kustomization.
type Note struct {
	// Kind is "fails" (its build fails, and Flux applies nothing of it), "fixed", "suspended", "resumed" or "unknown"
	// (what it applies is not known).
	Kind          string `json:"kind"`
	Kustomization string `json:"kustomization"`
	Why           string `json:"why"`
	// Objects counts those that it applied before.
	Objects int `json:"objects"`
}

// File is a changed file that Flux builds something of.
type File struct {
	Path string `json:"path"`
	// Kustomizations are the IDs of those that are built of it, and Clusters theirs; sorted.
	Kustomizations []string `json:"kustomizations"`
	Clusters       []string `json:"clusters"`
}

// Side is a revision, and what it comes to.
type Side struct {
	Revision Revision
	FS       fs.FS
	Tree     *fleet.Tree
	Fleet    *fleet.Fleet
}

// Compare tells what happens once a fleet is at another revision. Changed are the files that differ.
func Compare(before, after Side, changed []string) Document {
	c := &comparison{before: newSide(before), after: newSide(after), notes: map[string][]Note{},
		fates: map[string]*fate{}, servers: map[string]*Server{},
		skipped: map[string]int{}, hidden: newHidden(before.FS, after.FS, changed)}
	c.compareObjects()
	c.markHelmReleases()
	c.compareKustomizations()
	d := Document{Schema: Schema, Before: before.Revision, After: after.Revision, Files: c.files(changed),
		Moves:    failover.Compare(before.Fleet, after.Fleet),
		Clusters: c.clusters(), Unknown: c.unknown}
	if d.Unknown == nil {
		d.Unknown = []Note{}
	}
	return d
}

// side is a revision, looked up by IDs.
type side struct {
	Side
	kustomizations map[string]*fleet.Kustomization
	clusters       map[string]*fleet.Cluster
	// flux are the Kustomizations' own objects, by the Kustomizations' IDs.
	flux map[string]*fleet.Object
	// counts are the objects that Kustomizations apply, by their IDs.
	counts map[string]int
	// disabled are the IDs of objects that Flux is told to leave alone.
	disabled map[string]bool
	// sets are the objects of ResourceSets, by API server/namespace/name.
	sets map[string]*fleet.Object
}

func newSide(of Side) *side {
	s := &side{Side: of, kustomizations: map[string]*fleet.Kustomization{}, clusters: map[string]*fleet.Cluster{},
		flux:   map[string]*fleet.Object{},
		counts: map[string]int{}, disabled: map[string]bool{}, sets: map[string]*fleet.Object{}}
	for i := range of.Tree.Clusters {
		s.clusters[of.Tree.Clusters[i].Name] = &of.Tree.Clusters[i]
	}
	for i := range of.Tree.Kustomizations {
		k := &of.Tree.Kustomizations[i]
		s.kustomizations[k.ID] = k
		for _, o := range k.Applying.Disabled {
			s.disabled[fleet.IDOf(k.APIServer+"/"+fleet.GroupKind(o.Group, o.Kind), o.Namespace, o.Name)] = true
		}
	}
	for _, o := range of.Tree.Objects {
		s.counts[o.Kustomization]++
		switch {
		case o.Group == "kustomize.toolkit.fluxcd.io" && o.Kind == "Kustomization":
			id := fleet.IDOf(o.APIServer, o.Namespace, o.Name)
			if k := s.kustomizations[id]; s.flux[id] == nil || k != nil && k.Parent == o.Kustomization {
				s.flux[id] = o
			}
		case o.Group == "fluxcd.controlplane.io" && o.Kind == "ResourceSet":
			s.sets[fleet.IDOf(o.APIServer, o.Namespace, o.Name)] = o
		}
	}
	return s
}

// comparison is a comparison under way.
type comparison struct {
	before, after *side
	servers       map[string]*Server
	notes         map[string][]Note
	unknown       []Note
	fates         map[string]*fate
	hidden        *hidden
	// skipped counts the differences in what Kustomizations apply that come to nothing, by their IDs.
	skipped map[string]int
}

// compareObjects walks through the objects of both sides, which are sorted by their IDs.
func (c *comparison) compareObjects() {
	a, b := c.before.Tree.Objects, c.after.Tree.Objects
	for len(a)+len(b) > 0 {
		id := ""
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].ID < b[0].ID:
			id = a[0].ID
		default:
			id = b[0].ID
		}
		n, m := leading(a, id), leading(b, id)
		c.compareObject(a[:n], b[:m])
		a, b = a[n:], b[m:]
	}
	for _, s := range c.servers {
		slices.SortStableFunc(s.Objects, func(a, b Object) int {
			return cmp.Or(cmp.Compare(slices.Index(actions, a.Action), slices.Index(actions, b.Action)),
				cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Group, b.Group),
				cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
		})
	}
}

func leading(all []*fleet.Object, id string) (n int) {
	for n < len(all) && all[n].ID == id {
		n++
	}
	return n
}

// compareObject compares who applies an object, and what.
func (c *comparison) compareObject(before, after []*fleet.Object) {
	if len(before) == len(after) && !slices.ContainsFunc(before, func(o *fleet.Object) bool {
		return !isSame(o, ownerIn(after, o)) && c.differs(o, ownerIn(after, o))
	}) {
		return
	}
	was := slices.DeleteFunc(slices.Clone(before), func(o *fleet.Object) bool { return c.isKept(o) })
	is := slices.DeleteFunc(slices.Clone(after), func(o *fleet.Object) bool { return c.isKept(o) || isIgnored(o) })
	kept := slices.ContainsFunc(before, c.isKept)
	switch {
	case len(is) == 0 && (len(was) == 0 || kept):
	case len(is) == 0:
		c.gone(was)
	case len(was) == 0 && !kept:
		c.comes(is)
	default:
		c.stays(was, is)
	}
}

// isKept is true for an object of a Kustomization of which Flux applies nothing after the change: what was there stays.
func (c *comparison) isKept(o *fleet.Object) bool {
	k := c.after.kustomizations[o.Kustomization]
	if k == nil || c.after.applies(k) {
		return false
	}
	c.skipped[k.ID]++
	return true
}

// applies is false for a Kustomization of which Flux applies nothing, or nobody knows what.
func (s *side) applies(k *fleet.Kustomization) bool {
	if cluster := s.clusters[k.Cluster]; cluster != nil && !cluster.Declared {
		return true
	}
	return k.Local && k.PathState == fleet.Found && k.Build == fleet.Found
}

// fails is true for one whose build fails.
func fails(k *fleet.Kustomization) bool {
	return k.Local && (k.PathState == fleet.Missing || k.PathState == fleet.Found && k.Build == fleet.Missing)
}

// owner is who applies an object.
func owner(o *fleet.Object) string { return o.Kustomization + "\x00" + o.ResourceSet }

func ownerIn(all []*fleet.Object, of *fleet.Object) *fleet.Object {
	for _, o := range all {
		if owner(o) == owner(of) {
			return o
		}
	}
	return nil
}

func isSame(a, b *fleet.Object) bool { return a == b }

// differs tells whether an object is another than the one that the same owner had applied; nil is.
func (c *comparison) differs(a, b *fleet.Object) bool {
	if b == nil {
		return true
	}
	fields, _ := differences(a.Content, b.Content)
	return len(fields) > 0 || len(c.hidden.differences(a, b)) > 0
}

// gone takes in an object that nothing applies any more.
func (c *comparison) gone(was []*fleet.Object) {
	var f *fate
	var of *fleet.Object
	for _, o := range was {
		if next := c.fateOf(o); next != nil && (f == nil || next.action == Prune && f.action != Prune) {
			f, of = next, o
		}
	}
	if f == nil {
		return
	}
	object := newObject(of, f.action)
	object.Before, object.Why, object.Waits, object.Uncertain = of.Kustomization, f.why, f.waits, f.uncertain
	if f.action == Prune {
		object.Marks = c.goesWith(of)
	}
	c.add(of, object)
}

// comes takes in an object that nothing applied before.
func (c *comparison) comes(is []*fleet.Object) {
	object := newObject(is[0], Create)
	object.After = is[0].Kustomization
	c.held(is[0], &object)
	if k := c.before.kustomizations[is[0].Kustomization]; k != nil && object.Uncertain == "" {
		if !c.before.applies(k) {
			object.Uncertain = "what its Kustomization applied before is not known"
		} else if why := c.moreUnknown(k, c.after.kustomizations[k.ID]); why != "" {
			object.Uncertain = "it may be there already: " + why
		}
	}
	c.add(is[0], object)
}

// stays takes in an object that is applied before and after.
func (c *comparison) stays(was, is []*fleet.Object) {
	for _, o := range is {
		if old := ownerIn(was, o); old != nil && !isSame(old, o) && c.differs(old, o) {
			object := newObject(o, Change)
			object.Before, object.After = o.Kustomization, o.Kustomization
			c.fill(&object, old, o)
			if isMetadata(o, "ssa", "IfNotPresent") {
				object.Waits = "its annotation has Flux apply it only where it is not there"
			}
			c.add(o, object)
			return
		}
	}
	if slices.ContainsFunc(is, func(o *fleet.Object) bool { return ownerIn(was, o) != nil }) || len(was) == 0 {
		return // one more owner, or one less, of the same object
	}
	from, to := was[0], is[0]
	object := newObject(to, HandOver)
	object.Before, object.After = from.Kustomization, to.Kustomization
	c.fill(&object, from, to)
	if f := c.fateOf(from); f != nil && f.action == Prune {
		// Source: fluxcd/pkg ssa v0.77.0 manager_delete.go: only what has the owner's labels is deleted,
		// which the next owner replaces.
		object.Marks = append(object.Marks, Mark{Kind: "deleted-first",
			Why: "the first one prunes it where it is reconciled before the other one, which then creates it anew"})
		if goes := c.goesWith(from); len(goes) > 0 {
			object.Marks = append(object.Marks, goes...)
		}
	}
	c.add(to, object)
}

// fill takes in what differs in an object, and what of it cannot be done in place.
func (c *comparison) fill(object *Object, from, to *fleet.Object) {
	fields, left := differences(from.Content, to.Content)
	object.Fields, object.FieldsLeftOut = append(fields, c.hidden.differences(from, to)...), left
	object.Marks = append(object.Marks, c.inPlace(from, to)...)
	c.held(to, object)
}

// held says what holds an object back.
func (c *comparison) held(o *fleet.Object, object *Object) {
	k := c.after.kustomizations[o.Kustomization]
	switch {
	case k == nil || !o.Suspended:
	case k.Applying.Suspend:
		object.Waits = "its Kustomization is suspended"
	case c.changesSpec(k.ID):
		object.Uncertain = "a Kustomization above its own is suspended, so that its own is applied as it was"
	}
}

// changesSpec tells whether the object of a Kustomization is another than before.
func (c *comparison) changesSpec(id string) bool {
	before, after := c.before.flux[id], c.after.flux[id]
	if before == nil || after == nil {
		return before != after
	}
	fields, _ := differences(before.Content, after.Content)
	return len(fields) > 0
}

func newObject(o *fleet.Object, action Action) Object {
	return Object{Action: action, Group: o.Group, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name,
		File: o.Origin.File}
}

func (c *comparison) add(o *fleet.Object, object Object) {
	s := c.servers[o.APIServer]
	if s == nil {
		s = &Server{ID: o.APIServer, Kind: c.serverKind(o.APIServer)}
		c.servers[o.APIServer] = s
	}
	s.Objects = append(s.Objects, object)
}

func (c *comparison) serverKind(id string) string {
	if s, ok := c.after.Fleet.APIServers[id]; ok {
		return s.Kind
	}
	return cmp.Or(c.before.Fleet.APIServers[id].Kind, "unknown")
}

// clusters are those of both sides.
func (c *comparison) clusters() []Cluster {
	all := []Cluster{}
	names := map[string]bool{}
	for name := range c.before.clusters {
		names[name] = true
	}
	for name := range c.after.clusters {
		names[name] = true
	}
	for name := range names {
		cluster := Cluster{Name: name, State: Same, Servers: []Server{}, Notes: c.notes[name]}
		if cluster.Notes == nil {
			cluster.Notes = []Note{}
		}
		for id, s := range c.servers {
			if of, _, _ := strings.Cut(id, "/"); id == name || of == name {
				cluster.Servers = append(cluster.Servers, *s)
			}
		}
		slices.SortFunc(cluster.Servers, func(a, b Server) int { return cmp.Compare(a.ID, b.ID) })
		switch {
		case c.before.clusters[name] == nil:
			cluster.State = New
		case c.after.clusters[name] == nil:
			cluster.State = Gone
		case len(cluster.Servers)+len(cluster.Notes) > 0:
			cluster.State = Changed
		}
		all = append(all, cluster)
	}
	slices.SortFunc(all, func(a, b Cluster) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// files are the changed files that Kustomizations are built of.
func (c *comparison) files(changed []string) []File {
	by := map[string]*File{}
	for _, name := range changed {
		by[name] = &File{Path: name}
	}
	for _, s := range []*side{c.before, c.after} {
		for _, k := range s.Tree.Kustomizations {
			for _, name := range k.Applying.Files {
				if f := by[name]; f != nil {
					f.Kustomizations, f.Clusters = append(f.Kustomizations, k.ID), append(f.Clusters, k.Cluster)
				}
			}
		}
		for _, f := range s.Tree.Files {
			if of := by[f.Path]; of != nil {
				of.Clusters = append(of.Clusters, f.ReachedBy...)
			}
		}
	}
	all := []File{}
	for _, name := range changed {
		f := by[name]
		if len(f.Clusters) == 0 {
			continue
		}
		slices.Sort(f.Kustomizations)
		slices.Sort(f.Clusters)
		f.Kustomizations, f.Clusters = slices.Compact(f.Kustomizations), slices.Compact(f.Clusters)
		if f.Kustomizations == nil {
			f.Kustomizations = []string{}
		}
		all = append(all, *f)
	}
	return all
}

package serving

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
	"github.com/rollcall-dev/rollcall/internal/spelling"
)

// askedLately is how long an API server that has asked must stay in the fleet: one that is taken away asks no more.
const askedLately = time.Hour

// prove is an error where reviews must not be judged by the next fleet. Last is the one that serves, nil before the
// first; neither knows what is live. Servers are the IDs of API servers that ask, each with what tells that it does.
// What a fleet does not have is unknown, and so allowed. What a revision loses must therefore be taken away on purpose:
// nothing that became unreadable with it may be the reason, and nothing of it may be left behind.
func prove(last, next *fleet.Fleet, servers map[string]string) error {
	if len(next.Objects) == 0 {
		return fmt.Errorf("there is no fleet: no cluster has an object%s", because(faults(next, next)))
	}
	for _, id := range slices.Sorted(maps.Keys(servers)) {
		if err := hasServer(next, id, servers[id]); err != nil {
			return err
		}
	}
	if last == nil {
		return proveFirst(next, servers)
	}
	broken := newFaults(last, next)
	if all := declared(last); len(all) > 0 && !slices.ContainsFunc(all, func(name string) bool {
		return hasObjects(next, name)
	}) {
		return fmt.Errorf("none of the fleet's clusters is left: %s%s", someOf(all), because(broken))
	}
	gone := lost(last, next)
	for _, l := range gone {
		if at := slices.IndexFunc(broken, l.because); at >= 0 {
			return fmt.Errorf("%s is gone because the revision cannot be read in full: %s", l.name, broken[at].text)
		}
	}
	for _, l := range gone {
		if l.left != "" {
			return fmt.Errorf("%s is gone, and not all of it: %s is still there", l.name, l.left)
		}
	}
	return nil
}

// proveFirst: before there is anything to compare with, the clusters that ask must at least be read. Where nothing
// tells which these are, all must be.
func proveFirst(next *fleet.Fleet, servers map[string]string) error {
	ask := map[string]bool{}
	for id := range servers {
		ask[next.APIServers[id].Cluster] = true
	}
	broken := faults(next, next)
	for _, name := range declared(next) {
		if len(ask) > 0 && !ask[name] || hasObjects(next, name) {
			continue
		}
		if at := slices.IndexFunc(broken, func(f fault) bool {
			return f.wrong && slices.Contains(f.clusters, name)
		}); at >= 0 {
			return fmt.Errorf("cluster %q has no object because the revision cannot be read in full: %s", name,
				broken[at].text)
		}
	}
	return nil
}

// byFlag tells of an API server that a flag says that it asks.
const byFlag = "which --api-server names"

func hasServer(f *fleet.Fleet, id, who string) error {
	if _, known := f.APIServers[id]; known || id == "" {
		return nil
	}
	known := slices.Sorted(maps.Keys(f.APIServers))
	hint := ""
	if who == byFlag { // one that has asked is not misspelt
		hint = spelling.DidYouMean(id, known)
	}
	return fmt.Errorf("the fleet has no API server %q, %s%s; it has %s", id, who, hint, someOf(known))
}

// declared are the clusters whose entry point is in Git.
func declared(f *fleet.Fleet) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(f.Clusters)) {
		if f.Clusters[name].Declared {
			names = append(names, name)
		}
	}
	return names
}

func hasObjects(f *fleet.Fleet, cluster string) bool {
	for id, server := range f.APIServers {
		if server.Cluster == cluster && len(f.Objects[id]) > 0 {
			return true
		}
	}
	return false
}

// loss is something that the last fleet has and the next one has not.
type loss struct {
	name string
	// cluster is the Flux cluster that it is of, empty where none is known.
	cluster string
	// chain are the Kustomizations that lead to one; nil for all else.
	chain []string
	// left is what the next fleet has of it all the same.
	left string
}

// because is true for a fault that may be the reason. A Kustomization is lost with the build of one that leads to it:
// Flux, too, then goes on with what it applied before. All else may be in any part of its cluster that is not known.
func (l loss) because(f fault) bool {
	if l.chain != nil {
		return f.wrong && slices.Contains(l.chain, f.kustomization)
	}
	return l.cluster == "" || len(f.clusters) == 0 || slices.Contains(f.clusters, l.cluster)
}

// lost is what the next fleet lacks of the last one, the largest first.
func lost(last, next *fleet.Fleet) (all []loss) {
	for _, name := range slices.Sorted(maps.Keys(last.Clusters)) {
		l := loss{name: fmt.Sprintf("cluster %q", name), cluster: name, left: remains(last, next, last.Clusters[name])}
		if _, there := next.Clusters[name]; !there {
			all = append(all, l)
		} else if hasObjects(last, name) && !hasObjects(next, name) {
			l.name = "everything in " + l.name
			all = append(all, l)
		}
	}
	add := func(kind, id string, l loss) {
		l.name = fmt.Sprintf("%s %q", kind, id)
		all = append(all, l)
	}
	missing(last.APIServers, next.APIServers, func(id string, s fleet.APIServer) {
		add("API server", id, loss{cluster: s.Cluster})
	})
	missing(last.ControlPlanes, next.ControlPlanes, func(id string, c fleet.ControlPlane) {
		add("control plane", id, loss{cluster: c.Cluster})
	})
	missing(last.Members, next.Members, func(id string, m fleet.Member) {
		add("member", id, loss{cluster: m.FluxCluster, left: agentOf(next, m)})
	})
	missing(last.Agents, next.Agents, func(id string, a fleet.Agent) {
		if a.Reached {
			add("agent", id, loss{cluster: a.Cluster})
		}
	})
	missing(last.Kustomizations, next.Kustomizations, func(id string, k fleet.Kustomization) {
		add("Kustomization", id, loss{cluster: k.Cluster, chain: k.Chain})
	})
	return all
}

// missing are the entries of the one that the other has not, by key.
func missing[V any](last, next map[string]V, each func(string, V)) {
	for _, id := range slices.Sorted(maps.Keys(last)) {
		if _, there := next[id]; !there {
			each(id, last[id])
		}
	}
}

// remains is a file in the folder that a cluster starts from that Flux read there, and that nothing reads any more.
func remains(last, next *fleet.Fleet, c fleet.Cluster) string {
	if !c.Declared {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(next.Files)) {
		if (c.Entry == "." || strings.HasPrefix(name, c.Entry+"/")) && len(next.Files[name].ReachedBy) == 0 &&
			slices.Contains(last.Files[name].ReachedBy, c.Name) {
			return name
		}
	}
	return ""
}

// agentOf is the file of an agent that a fleet still has of a member that it has no more. Where the configuration lists
// the members, it has the last word.
func agentOf(next *fleet.Fleet, m fleet.Member) string {
	if next.Membership.Basis == "declared" {
		return ""
	}
	for _, id := range slices.Sorted(maps.Keys(next.Agents)) {
		if agent := next.Agents[id]; agent.NameState == fleet.Found && agent.Name == m.Name {
			return agent.Origin.File
		}
	}
	return ""
}

// fault is something that keeps a part of a fleet from being read.
type fault struct {
	// text says where and of what kind it is, and nothing of what stands there.
	text string
	// wrong: Flux cannot read it either.
	wrong bool
	// clusters are those that it concerns; empty where that is not known. Kustomization is the ID of the
	// one whose build it is in.
	clusters      []string
	kustomization string
}

// newFaults are those of the next fleet that the last one has not: what was unreadable before has taken nothing away.
func newFaults(last, next *fleet.Fleet) []fault {
	known := map[string]bool{}
	for _, f := range faults(last, last) {
		known[f.kustomization+" "+f.text] = true
	}
	return slices.DeleteFunc(faults(last, next), func(f fault) bool { return known[f.kustomization+" "+f.text] })
}

// faults are what keeps parts of a fleet from being read, those that Flux has too first: files that do not parse,
// builds that fail, and what is not in the repository. A file counts that Flux reads, or read in the last fleet.
func faults(last, f *fleet.Fleet) (all []fault) {
	for _, name := range slices.Sorted(maps.Keys(f.Files)) {
		readers := slices.Concat(f.Files[name].ReachedBy, last.Files[name].ReachedBy)
		for _, p := range f.Files[name].Problems {
			if len(readers) > 0 {
				all = append(all, fault{text: fmt.Sprintf("%s:%d: %s", name, p.Line, p.Kind), wrong: true,
					clusters: readers})
			}
		}
	}
	unknown := func(k fleet.Kustomization, clusters []string, incomplete []fleet.Incomplete) {
		for _, i := range incomplete {
			all = append(all, fault{text: placeOf(i.Origin, i.Origin.Field) + ": unknown " + string(i.Kind),
				clusters: clusters, kustomization: k.ID})
		}
	}
	ids := slices.Sorted(maps.Keys(f.Kustomizations))
	for _, id := range ids {
		k := f.Kustomizations[id]
		for _, p := range k.Problems {
			all = append(all, fault{text: placeOf(p.Origin, p.At) + ": " + p.Kind, wrong: true,
				clusters: []string{k.Cluster}, kustomization: id})
		}
	}
	for _, id := range ids {
		k := f.Kustomizations[id]
		unknown(k, []string{k.Cluster}, k.Incomplete)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Clusters)) {
		unknown(fleet.Kustomization{}, []string{name}, f.Clusters[name].Incomplete)
	}
	return all
}

// placeOf is a file, with the field in it: clusters/a/kustomization.yaml resources[3].
func placeOf(o fleet.Origin, field []any) string {
	var b strings.Builder
	for _, step := range field {
		if n, ok := fleet.Index(step); ok {
			fmt.Fprintf(&b, "[%d]", n)
		} else if name, ok := step.(string); ok {
			b.WriteString("." + secret.Name(name))
		}
	}
	return strings.TrimSpace(secret.Name(o.File) + " " + strings.TrimPrefix(b.String(), "."))
}

func because(all []fault) string {
	if len(all) == 0 {
		return ""
	}
	return "; " + all[0].text
}

// someOf lists names, the first few of many.
func someOf(names []string) string {
	const most = 5
	if len(names) == 0 {
		return "none"
	}
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// asked notes which API servers have asked, by ID, "" for one that did not say, and when they did last. It has no more
// entries than the fleets had API servers.
type asked struct{ at sync.Map }

func (a *asked) note(id string, now time.Time) {
	if last, ok := a.at.Load(id); !ok || now.Sub(last.(time.Time)) > time.Minute {
		a.at.Store(id, now)
	}
}

// since are those that have asked after a time, sorted.
func (a *asked) since(then time.Time) (ids []string) {
	a.at.Range(func(id, at any) bool {
		if at.(time.Time).After(then) {
			ids = append(ids, id.(string))
		}
		return true
	})
	slices.Sort(ids)
	return ids
}

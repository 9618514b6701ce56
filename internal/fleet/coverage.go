package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Coverage is how much of a tree Flux was followed through: what was judged, and what was not looked at.
type Coverage struct {
	// Clusters are the Flux clusters, by name.
	Clusters []CoveredCluster `json:"clusters"`
	// Kustomizations are the Flux Kustomizations in the files, and those of them whose path a cluster was followed to.
	// One that several clusters reconcile from one file counts once.
	Kustomizations Count `json:"kustomizations"`
	// Unreached are the folders with manifests that no cluster reconciles: the highest with none that one does.
	Unreached []UnreachedFolder `json:"unreached"`
}

// CoveredCluster is a Flux cluster and where it was followed from.
type CoveredCluster struct {
	Name string `json:"name"`
	// Entry is the folder that Flux starts from. Started is false where nothing tells that, and the files of the
	// cluster's folder were read one by one.
	Entry   string `json:"entry"`
	Started bool   `json:"started"`
	// From is the object that tells; nil for none.
	From *Origin `json:"from,omitempty"`
}

// Count is a part of a whole.
type Count struct {
	Followed int `json:"followed"`
	InFiles  int `json:"inFiles"`
}

// Percent is the part in percent, rounded down; 100 of nothing.
func (c Count) Percent() int {
	if c.InFiles == 0 {
		return 100
	}
	return 100 * c.Followed / c.InFiles
}

// Unreached is true for a manifest that no cluster reconciles.
func (f File) Unreached() bool {
	return f.Class == Manifest && len(f.ReachedBy) == 0 && len(f.Documents) > 0
}

// UnreachedFolder is a folder with manifests that no cluster reconciles.
type UnreachedFolder struct {
	Folder string `json:"folder"`
	// Manifests counts the files with Kubernetes objects in it and below.
	Manifests int `json:"manifests"`
}

// Coverage tells how much of the tree Flux was followed through.
func (f *Fleet) Coverage() Coverage {
	c := Coverage{Clusters: []CoveredCluster{}, Unreached: f.unreached()}
	for _, name := range sorted(f.Clusters) {
		cluster := f.Clusters[name]
		if f.isMadeUp(cluster) {
			continue
		}
		covered := CoveredCluster{Name: name, Entry: cluster.Entry, Started: cluster.Declared}
		if cluster.Origin.File != "" {
			covered.From = &cluster.Origin
		}
		c.Clusters = append(c.Clusters, covered)
	}
	followed := map[string]bool{}
	for _, k := range f.Kustomizations {
		if !k.Implicit && k.Origin.File != "" {
			at := fmt.Sprint(k.Origin.File, k.Origin.Document, k.Origin.Field)
			followed[at] = followed[at] || k.PathState == Found
		}
	}
	c.Kustomizations.InFiles = len(followed)
	for _, is := range followed {
		if is {
			c.Kustomizations.Followed++
		}
	}
	// Those that no cluster applies. In a file that one reads, another document may be a patch.
	for _, file := range f.Files {
		if f.isStarted(file.ReachedBy) {
			continue
		}
		for _, d := range file.Documents {
			if strings.HasPrefix(d.APIVersion, "kustomize.toolkit.fluxcd.io/") && d.Kind == "Kustomization" {
				c.Kustomizations.InFiles++
			}
		}
	}
	return c
}

// isMadeUp is true for the one cluster of files of which nothing says that they are a cluster's.
func (f *Fleet) isMadeUp(c Cluster) bool { return !c.Declared && path.Clean(c.Entry) == "." }

// isStarted is true where one of the clusters is one that Flux was followed from.
func (f *Fleet) isStarted(clusters []string) bool {
	return slices.ContainsFunc(clusters, func(name string) bool { return f.Clusters[name].Declared })
}

func (f *Fleet) unreached() []UnreachedFolder {
	reached := map[string]bool{} // folders with a file that a cluster reads, in them or below
	for name, file := range f.Files {
		if len(file.ReachedBy) > 0 {
			for dir := path.Dir(name); !reached[dir]; dir = path.Dir(dir) {
				reached[dir] = true
			}
		}
	}
	counts := map[string]int{}
	for name, file := range f.Files {
		if !file.Unreached() {
			continue
		}
		dir := path.Dir(name)
		for !reached[dir] && dir != "." && !reached[path.Dir(dir)] {
			dir = path.Dir(dir)
		}
		counts[dir]++
	}
	all := make([]UnreachedFolder, 0, len(counts))
	for _, dir := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	}) {
		all = append(all, UnreachedFolder{dir, counts[dir]})
	}
	return all
}

// IsFleet is false where nothing in the tree has to do with Flux or Karmada, and nobody says that it is one: no folder
// of a cluster, no object of theirs.
func (f *Fleet) IsFleet() bool {
	if slices.ContainsFunc(slices.Collect(maps.Values(f.Clusters)), func(c Cluster) bool { return !f.isMadeUp(c) }) {
		return true
	}
	for _, file := range f.Files {
		for _, d := range file.Documents {
			group, _, _ := strings.Cut(d.APIVersion, "/")
			if strings.HasSuffix(group, ".toolkit.fluxcd.io") || group == "fluxcd.controlplane.io" || isKarmada(group) {
				return true
			}
		}
	}
	return false
}

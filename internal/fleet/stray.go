package fleet

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/fluxcd/pkg/envsubst"
)

// readStrayAgents finds the agents in files that nothing reconciles. Their objects are read as they stand in the file:
// nothing has set their namespace, and what they refer to is looked for in the same folder first.
func (f *Fleet) readStrayAgents() {
	folders := f.unreachedFolders()
	files := f.kustomizeFiles()
	places := f.clusterFolders()
	leading := f.unreachedKustomizations(places)
	for _, object := range f.tree.Unreached {
		file := object.Origin.File
		cluster := places.of(file)
		agent, ok := f.strayAgent(*object, cluster, folders[path.Dir(file)])
		if !ok {
			continue
		}
		agent.ID = file + "/" + object.Name
		agent.Cluster = cluster
		agent.ListIn = files.above(path.Dir(file))
		if slices.Equal(f.Files[agent.ListIn].ReachedBy, []string{cluster}) && !f.hasUnresolvedPath(cluster) {
			agent.ListAs = files.entry(agent.ListIn, file, leading)
		}
		if _, taken := f.Agents[agent.ID]; !taken {
			f.Agents[agent.ID] = agent
		}
	}
}

// unlistedValues are the objects that a release takes values from, that nothing applies, and that lie beside the
// release or below its cluster's folder all the same; each at the first entry that names it.
func (f *Fleet) unlistedValues(r release) []UnlistedValues {
	unlisted := []UnlistedValues{}
	for i, ref := range r.Spec.ValuesFrom {
		said := slices.ContainsFunc(unlisted, func(u UnlistedValues) bool {
			return u.Kind == ref.Kind && u.Name == ref.Name
		})
		if _, applied := r.find(ref.Kind, r.object.Namespace, ref.Name); applied || said || ref.Optional {
			continue
		}
		at := slices.IndexFunc(f.tree.Unreached, func(o *Object) bool {
			file := o.Origin.File
			return o.Kind == ref.Kind && o.Group == "" && o.Name == ref.Name &&
				(o.Namespace == "" || o.Namespace == r.object.Namespace) &&
				(path.Dir(file) == path.Dir(r.object.Origin.File) || f.clusterFolders().of(file) == r.object.Cluster)
		})
		if at >= 0 {
			unlisted = append(unlisted, UnlistedValues{ref.Kind, ref.Name, []any{"spec", "valuesFrom", i},
				f.tree.Unreached[at].Origin})
		}
	}
	return unlisted
}

func (f *Fleet) strayAgent(object Object, cluster string, folder map[string]Object) (Agent, bool) {
	switch kindOf(object) {
	case helmReleaseKind:
		find := func(kind, namespace, name string) (Object, bool) {
			if near, ok := folder[kind+"/"+name]; ok {
				return near, true
			}
			return f.finderAt(cluster)(kind, namespace, name)
		}
		chart, version := chartName(object, find)
		if chart != karmadaChart {
			return Agent{}, false
		}
		object.Content = f.substituted(object.Content, cluster)
		if r := newRelease(object, find); r.installMode() == "agent" {
			return chartAgent(r, version), true
		}
	case deploymentKind:
		object.Content = f.substituted(object.Content, cluster)
		return deploymentAgent(object)
	}
	return Agent{}, false
}

// substituted fills in the cluster's own variables, as Flux would if it read the file.
func (f *Fleet) substituted(content map[string]any, cluster string) map[string]any {
	known := f.Clusters[cluster].Variables
	var fill func(any) any
	fill = func(content any) any {
		switch v := content.(type) {
		case string:
			if text, err := envsubst.Eval(v, func(name string) (string, bool) {
				text, ok := known[name]
				return text, ok
			}); err == nil {
				return text
			}
		case []any:
			filled := make([]any, len(v))
			for i, entry := range v {
				filled[i] = fill(entry)
			}
			return filled
		case map[string]any:
			filled := make(map[string]any, len(v))
			for key, entry := range v {
				filled[key] = fill(entry)
			}
			return filled
		}
		return content
	}
	filled, _ := fill(content).(map[string]any)
	return filled
}

// unreachedFolders are the unreached objects by folder and Kind.group/name.
func (f *Fleet) unreachedFolders() map[string]map[string]Object {
	folders := map[string]map[string]Object{}
	for _, object := range f.tree.Unreached {
		names := within(folders, path.Dir(object.Origin.File))
		if key := kindOf(*object) + "/" + object.Name; names[key].Name == "" {
			names[key] = *object
		}
	}
	return folders
}

// kustomizeFiles are the kustomization files by folder: those that Flux reads, and all.
type kustomizeFiles struct{ reached, all map[string]string }

func (f *Fleet) kustomizeFiles() kustomizeFiles {
	files := kustomizeFiles{map[string]string{}, map[string]string{}}
	for _, file := range f.tree.Files {
		if file.Class != KustomizeFile {
			continue
		}
		folder := path.Dir(file.Path)
		files.all[folder] = cmp.Or(files.all[folder], file.Path)
		if len(file.ReachedBy) > 0 {
			files.reached[folder] = cmp.Or(files.reached[folder], file.Path)
		}
	}
	return files
}

// above is the nearest kustomization file at or above a folder that Flux reads; else the nearest one at all.
func (k kustomizeFiles) above(folder string) string {
	nearest := ""
	for {
		if file, ok := k.reached[folder]; ok {
			return file
		}
		nearest = cmp.Or(nearest, k.all[folder])
		if folder == "." || folder == "/" {
			return nearest
		}
		folder = path.Dir(folder)
	}
}

// entry is what a kustomization file would list for a file at or below its folder to be applied: the file, or the file
// with the only Flux Kustomization that leads to a folder around it; in place of either, the outermost folder around
// it that has a list of its own. Empty where several Flux Kustomizations lead there, or one of which nobody knows
// where it leads may do so.
func (k kustomizeFiles) entry(listIn, file string, leading map[string][]string) string {
	home := path.Dir(listIn)
	var flux []string
	for folder := path.Dir(file); folder != home; folder = path.Dir(folder) {
		flux = append(flux, leading[folder]...)
	}
	entry := file
	switch inside := func(file string) bool { return k.above(path.Dir(file)) == listIn }; {
	case len(flux) > 1 || len(flux) == 1 && !inside(flux[0]) ||
		len(flux) == 0 && slices.ContainsFunc(leading[unresolvedPath], inside):
		return ""
	case len(flux) == 1:
		entry = flux[0]
	}
	for folder := path.Dir(entry); folder != home; folder = path.Dir(folder) {
		if k.all[folder] != "" {
			entry = folder
		}
	}
	if home != "." {
		entry = strings.TrimPrefix(entry, home+"/")
	}
	return entry
}

// hasUnresolvedPath is true where nobody knows where a Flux Kustomization of the cluster leads, or it leads to what is not there
// or does not build: it may mean any folder.
func (f *Fleet) hasUnresolvedPath(cluster string) bool {
	return slices.ContainsFunc(f.Clusters[cluster].Incomplete, func(i Incomplete) bool {
		return i.Kind == UnknownPath || i.Kind == UnknownAbsent
	}) || slices.ContainsFunc(f.tree.Kustomizations, func(k Kustomization) bool {
		return k.Cluster == cluster && k.Build == Missing
	})
}

// unresolvedPath is the folder that a Flux Kustomization leads to whose path has a variable that is not known.
const unresolvedPath = ""

// unreachedKustomizations are the files with Flux Kustomizations that nothing reconciles, by the
// folder that they lead to.
func (f *Fleet) unreachedKustomizations(places clusterFolders) map[string][]string {
	leading := map[string][]string{}
	for _, object := range f.tree.Unreached {
		if kindOf(*object) == kustomizationKind {
			file := object.Origin.File
			to := path.Join(".", textAt(f.substituted(object.Content, places.of(file)), "spec", "path"))
			if strings.Contains(to, "${") {
				to = unresolvedPath
			}
			leading[to] = append(leading[to], file)
		}
	}
	return leading
}

// clusterFolders tell below which cluster's folder a file lies.
type clusterFolders struct {
	entries map[string]string // cluster by the folder that its Flux starts from
	names   map[string]bool
}

func (f *Fleet) clusterFolders() clusterFolders {
	folders := clusterFolders{map[string]string{}, map[string]bool{}}
	for _, name := range sorted(f.Clusters) {
		folders.names[name] = true
		folders.entries[path.Clean(f.Clusters[name].Entry)] = name
	}
	delete(folders.entries, ".") // an entry point at the root says nothing
	return folders
}

func (c clusterFolders) of(file string) string {
	for folder := path.Dir(file); folder != "." && folder != "/"; folder = path.Dir(folder) {
		if cluster, ok := c.entries[folder]; ok {
			return cluster
		}
	}
	parts := strings.Split(path.Dir(file), "/")
	if i := slices.IndexFunc(parts, func(part string) bool { return c.names[part] }); i >= 0 {
		return parts[i]
	}
	return ""
}

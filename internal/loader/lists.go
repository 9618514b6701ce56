package loader

import (
	"path"
	"slices"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// listGraph knows which kustomization file lists what.
type listGraph struct {
	listedIn map[string][]string // file or folder → the folders whose kustomization lists it
	patches  map[string]bool     // files that are patches
	// patchedIn are the folders whose kustomization applies the file as a patch.
	patchedIn map[string][]string
	secrets   []secretSource
	// manifests are the files that kustomize reads as YAML: resources, patches, and what
	// generators and transformers lie in.
	manifests map[string]bool
	// paths are those of Flux Kustomizations in a chart's templates/.
	paths []string
	// kustomized are the folders with a kustomization file.
	kustomized map[string]bool
}

// secretSource is a file that a secretGenerator reads.
type secretSource struct {
	file string
	// key is the key of the whole file's content in the Secret; empty for a file of KEY=value lines.
	key string
}

// kustomizeLists are the files that a kustomization file names, as it names them.
type kustomizeLists struct {
	Resources             []string `yaml:"resources"`
	Bases                 []string `yaml:"bases"`
	Components            []string `yaml:"components"`
	PatchesStrategicMerge []string `yaml:"patchesStrategicMerge"`
	Generators            []string `yaml:"generators"`
	Transformers          []string `yaml:"transformers"`
	Patches               []struct {
		Path string `yaml:"path"`
	} `yaml:"patches"`
	PatchesJSON6902 []struct {
		Path string `yaml:"path"`
	} `yaml:"patchesJson6902"`
	ConfigMapGenerator []struct {
		Name  string   `yaml:"name"`
		Files []string `yaml:"files"`
	} `yaml:"configMapGenerator"`
	SecretGenerator []generatorFiles `yaml:"secretGenerator"`
}

// generatorFiles are the files that a secretGenerator names.
type generatorFiles struct {
	Files []string `yaml:"files"`
	Envs  []string `yaml:"envs"`
	Env   string   `yaml:"env"`
}

// newKustomizeLists reads a kustomization file; nil where it has not the form of one.
func newKustomizeLists(root *yaml.Node) *kustomizeLists {
	var k kustomizeLists
	if root.Decode(&k) != nil {
		return nil
	}
	return &k
}

func newListGraph(t *tree) listGraph {
	g := listGraph{listedIn: map[string][]string{}, patches: map[string]bool{}, patchedIn: map[string][]string{},
		manifests: map[string]bool{}, kustomized: map[string]bool{}}
	for _, p := range t.paths {
		f := t.files[p]
		if isKustomizeName(p) && !f.symlink {
			g.kustomized[path.Dir(p)] = true
		}
		switch {
		case f.lists == nil:
		case f.class == fleet.KustomizeFile && !f.broken, f.inChart() && f.read.Class == fleet.KustomizeFile &&
			!f.read.Broken:
			g.add(t, path.Dir(p), f.lists)
		}
		for _, d := range f.docs {
			if d.Flux != nil && slices.Contains(strings.Split(inTree(d.Flux.Path), "/"), "templates") {
				g.paths = append(g.paths, inTree(d.Flux.Path))
			}
		}
	}
	return g
}

func (g *listGraph) add(t *tree, dir string, k *kustomizeLists) {
	for _, entry := range slices.Concat(k.Resources, k.Bases, k.Components) {
		at := path.Join(dir, entry)
		g.listedIn[at] = append(g.listedIn[at], dir)
	}
	for _, entry := range k.PatchesStrategicMerge {
		at := path.Join(dir, entry)
		g.patches[at], g.patchedIn[at] = true, append(g.patchedIn[at], dir)
	}
	for _, entry := range slices.Concat(k.Resources, k.PatchesStrategicMerge, k.Generators, k.Transformers) {
		at := path.Join(dir, entry)
		g.manifests[at] = true
		for _, name := range kustomizeFiles { // of a folder
			g.manifests[path.Join(at, name)] = true
		}
	}
	for _, entry := range k.Generators {
		text := []byte(entry)
		if f := t.files[path.Join(dir, entry)]; f != nil && !f.symlink && !f.unread {
			text = f.text()
		}
		eachBounded(text, func(_ int, root *yaml.Node) {
			var files generatorFiles
			if text := lookup(root, "kind"); text != nil && text.Value == "SecretGenerator" &&
				root.Decode(&files) == nil {
				g.addSources(dir, files)
			}
		})
	}
	for _, patch := range slices.Concat(k.Patches, k.PatchesJSON6902) {
		if patch.Path != "" {
			at := path.Join(dir, patch.Path)
			g.patches[at], g.patchedIn[at], g.manifests[at] = true, append(g.patchedIn[at], dir), true
		}
	}
	for _, generator := range k.SecretGenerator {
		g.addSources(dir, generator)
	}
}

// addSources takes the files of a generator in a folder in.
func (g *listGraph) addSources(dir string, generator generatorFiles) {
	for _, source := range generator.Files {
		key, file, named := strings.Cut(source, "=")
		if !named {
			key, file = path.Base(source), source
		}
		g.secrets = append(g.secrets, secretSource{path.Join(dir, file), key})
	}
	for _, file := range append(generator.Envs, generator.Env) {
		g.secrets = append(g.secrets, secretSource{file: path.Join(dir, file)})
	}
}

// top is the folder at the end of the chain of kustomization files that list the file; where several list it, of the
// last one's.
func (g listGraph) top(file string) string {
	top := path.Dir(file)
	for range 100 { // a cycle ends too
		dirs := g.listedIn[file]
		if len(dirs) == 0 {
			break
		}
		file = dirs[len(dirs)-1]
		top = file
	}
	return top
}

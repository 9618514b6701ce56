package loader

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// What says where Flux starts without being a Flux Kustomization: the configuration, the values of a chart, Terraform.

// configured are the entries that the configuration names.
func (s *search) configured() (all []entry) {
	known := s.candidates()
	for _, cluster := range s.t.options.Clusters {
		e := entry{cluster: cluster.Name, dir: cluster.Path, base: cluster.Root, variables: cluster.Variables,
			origin: cluster.Origin}
		if i := slices.IndexFunc(known, func(c candidate) bool {
			return c.dir == e.dir && c.evidence <= applied
		}); i >= 0 {
			e.root, e.source, e.told, e.origin = known[i].root, known[i].source, known[i].told, known[i].origin
		} else {
			e.source = s.sourceOf(e.dir, sourceKey{"GitRepository", "flux-system", "flux-system"})
		}
		all = append(all, e)
	}
	return all
}

// sourceOf is the source that most Kustomizations in a folder name and that the tree does not declare;
// other where there is none.
func (s *search) sourceOf(dir string, other sourceKey) sourceKey {
	votes := map[sourceKey]int{}
	best := other
	for _, d := range s.docs {
		source := d.source
		if d.packer.name != "" {
			source = d.packer
		}
		_, elsewhere := s.t.declaredPacking(source)
		if !elsewhere && inside(d.file, dir) && source.name != "" && !strings.Contains(source.name, "$") &&
			len(s.sources[source]) == 0 {
			if votes[source]++; votes[source] > votes[best] {
				best = source
			}
		}
	}
	return best
}

// syncFrom is the sync part of the values that a release of the flux-instance chart takes from ConfigMaps: from the
// last one that has any. Those in the release's own folder count before others of that name.
func (t *tree) syncFrom(file string, release document) *fluxSpec {
	for _, ref := range slices.Backward(release.Flux.Values) {
		var found []*fluxSpec
		for _, values := range t.valuesOf(ref, path.Dir(file)) {
			_ = eachNode(values, func(_ int, root *yaml.Node) {
				if sync := newSync(lookup(root, "instance", "sync"), release.Flux.SourceNamespace); sync != nil {
					found = append(found, sync)
				}
			})
		}
		if len(found) > 0 {
			return found[0]
		}
	}
	return nil
}

// valuesOf are the texts under a key of the ConfigMaps of a name, as they lie in files or as generators make them,
// those in the folder first.
func (t *tree) valuesOf(ref valuesRef, dir string) (own [][]byte) {
	var others [][]byte
	add := func(at string, text []byte) {
		if at == dir {
			own = append(own, text)
		} else {
			others = append(others, text)
		}
	}
	for _, p := range t.paths {
		f := t.files[p]
		for _, d := range f.docs {
			if d.Kind == "ConfigMap" && d.Name == ref.Name {
				data, _ := objects(f.text())[d.Index]["data"].(map[string]any)
				t.toldBy[p] = true
				add(path.Dir(p), []byte(str(data, ref.Key)))
			}
		}
		if f.class != fleet.KustomizeFile || f.lists == nil {
			continue
		}
		for _, g := range f.lists.ConfigMapGenerator {
			for _, source := range g.Files {
				key, file, named := strings.Cut(source, "=")
				if !named {
					key, file = path.Base(source), source
				}
				if values := t.files[path.Join(path.Dir(p), file)]; g.Name == ref.Name && key == ref.Key &&
					values != nil && !values.unread {
					t.toldBy[values.path] = true
					add(path.Dir(p), values.text())
				}
			}
		}
	}
	return append(own, others...)
}

// folders are the folders that a path may be, a variable in it taken for any one name; with variables, those with a
// Flux Kustomization in them.
func (t *tree) folders(dir string) (all []string) {
	if !strings.Contains(dir, "$") {
		return []string{dir}
	}
	for _, p := range t.paths {
		if !slices.ContainsFunc(t.files[p].docs, func(d document) bool {
			return isFluxKustomization(d.APIVersion, d.Kind)
		}) {
			continue
		}
		for at := path.Dir(p); at != "."; at = path.Dir(at) {
			if matchesFolder(dir, at) && !hidden(at+"/x") && !slices.Contains(all, at) {
				all = append(all, at)
			}
		}
	}
	return all
}

// provisioned are the folders that Terraform names for flux bootstrap or for the Flux Operator.
func (t *tree) provisioned() (all []candidate) {
	for _, p := range t.paths {
		if !isTerraform(p) || hidden(p) || t.files[p].symlink {
			continue
		}
		data, err := t.read(p, maxText)
		if err != nil {
			continue
		}
		for _, block := range terraformBlock.FindAll(terraformComment.ReplaceAll(data, nil), -1) {
			var dir []byte
			switch operator := bytes.Contains(block, []byte("flux-instance")) ||
				bytes.Contains(block, []byte("FluxInstance")); {
			case bytes.HasPrefix(block, []byte(`resource "flux_bootstrap_git"`)):
				dir = firstGroup(terraformPath, block)
			case operator:
				if dir = firstGroup(terraformSet, block); dir == nil {
					dir = firstGroup(terraformSync, block)
				}
			}
			if dir == nil {
				continue
			}
			for _, folder := range t.folders(inTree(interpolation.ReplaceAllString(string(dir), "$$"))) {
				all = append(all, candidate{evidence: provisioned,
					entry: entry{dir: folder, base: ".", told: true, origin: fleet.Origin{File: p},
						source: sourceKey{"GitRepository", "flux-system", "flux-system"}}})
			}
		}
	}
	return all
}

// isTerraform tells the files that provisioned reads.
func isTerraform(p string) bool { return path.Ext(p) == ".tf" || path.Ext(p) == ".tofu" }

var (
	terraformComment = regexp.MustCompile(`(?m)^[ \t]*(?:#|//).*$`)
	terraformBlock   = regexp.MustCompile(`(?ms)^(?:resource|module|locals)\b.*?^\}`)
	terraformPath    = regexp.MustCompile(`(?m)^[ \t]*path[ \t]*=[ \t]*"([^"\n]+)"`)
	terraformSet     = regexp.MustCompile(`"(?:instance\.)?sync\.path"\s*,?\s*value\s*=\s*"([^"\n]+)"`)
	terraformSync    = regexp.MustCompile(
		`(?m)^[ \t]*"?sync"?[ \t]*[:=][ \t]*\{?[ \t]*\n(?:[^}\n]*\n){0,12}?[ \t]*"?path"?[ \t]*[:=][ \t]*"?([^"\s#]+)`)
	interpolation = regexp.MustCompile(`\$\{[^}]*\}`)
)

func firstGroup(pattern *regexp.Regexp, text []byte) []byte {
	if m := pattern.FindSubmatch(text); m != nil {
		return m[1]
	}
	return nil
}

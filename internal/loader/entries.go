//lint:file-ignore SA1019 Flux builds with the deprecated fields of a kustomization file, so they are read here.

package loader

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// checkPatches checks the patches' files, and puts the two deprecated lists where they do the same without kustomize
// printing a warning of its own: patchesStrategicMerge run first, patchesJson6902 after the transformers.
func (p *plan) checkPatches(dir, name string, k *types.Kustomization, own *ownEntries) {
	var merges, all []patchEntry
	for i, sm := range k.PatchesStrategicMerge {
		where := place{name, []any{"patchesStrategicMerge", i}}
		if strings.Contains(string(sm), "\n") || isInline(string(sm)) {
			merges = append(merges, patchEntry{types.Patch{Patch: string(sm)}, where})
		} else if p.plainFile(dir, string(sm), where) {
			p.patchFile(dir, string(sm), where, false)
			merges = append(merges, patchEntry{types.Patch{Path: string(sm)}, where})
		}
	}
	k.PatchesStrategicMerge = nil
	if len(k.CommonLabels) > 0 && len(k.Labels) == 0 { // the same labels under the name that draws no warning
		k.Labels, k.CommonLabels = []types.Label{{Pairs: k.CommonLabels, IncludeSelectors: true}}, nil
	}
	checked := func(field string, patches []types.Patch) (kept []patchEntry) {
		for i, patch := range patches {
			where := place{name, []any{field, i}}
			if own != nil && field == "patches" && i >= own.patches {
				where = inSpec("patches", i-own.patches)
			}
			at := place{where.file, append(slices.Clone(where.at), "path")}
			if patch.Path == "" {
				kept = append(kept, patchEntry{patch, where})
			} else if p.plainFile(dir, patch.Path, at) {
				p.patchFile(dir, patch.Path, at, field == "patches")
				kept = append(kept, patchEntry{patch, where})
			}
		}
		return kept
	}
	all = append(merges, checked("patches", k.Patches)...)
	last := checked("patchesJson6902", k.PatchesJson6902)
	if k.Namespace == "" && k.NamePrefix == "" && k.NameSuffix == "" &&
		len(k.Labels)+len(k.CommonLabels)+len(k.CommonAnnotations) == 0 {
		all, last = append(all, last...), nil
	}
	k.Patches, k.PatchesJson6902 = nil, nil
	if len(all)+len(last) > 0 {
		p.patched = append(p.patched, patchedFile{name: name, all: all, last: last})
		k.Patches, k.PatchesJson6902 = patchesOf(all), patchesOf(last)
	}
}

// resource plans one entry of resources: a file or a folder.
func (p *plan) resource(dir, entry string, where place, stack []string) bool {
	target, ok := p.inside(dir, entry, where)
	if !ok {
		return false
	}
	if f := p.artifact.file(target); f != nil {
		return p.resourceFile(f, where)
	}
	if p.artifact.isDir(target) {
		return p.nested(target, false, where, stack)
	}
	return p.absent(where, p.whyAbsent(target), entry)
}

// whyAbsent says why the artifact lacks a file or a folder, of which it leaves the name to be filled in.
func (p *plan) whyAbsent(target string) string {
	switch f := p.artifact.tree.file(target); {
	case f != nil && f.symlink:
		return "%q is a symbolic link, which Flux leaves out of the artifact"
	case f != nil || p.artifact.tree.isDir(target):
		return "%q is left out of the artifact by the source's ignore rules"
	}
	return "%q does not exist"
}

// resourceFile plans the objects of a file. Where a document is no object the whole build fails, as kustomize's does.
func (p *plan) resourceFile(f *file, where place) bool {
	p.read += len(f.docs)
	p.reached[f.path] = true
	if f.class == fleet.Template && len(f.problems) == 0 {
		p.problem("not-kubernetes", place{file: f.path},
			"the file has template directives, which kustomize does not execute")
		p.unknown(fleet.UnknownFile, where, "%q is a template, so it is not read here", f.path)
		return false
	}
	if f.broken {
		p.unreadable(f)
		return false
	}
	for _, d := range f.docs {
		if !isObject(d) {
			p.failed = true
			p.problems = append(p.problems, fleet.BuildProblem{
				Kind: "not-kubernetes", Origin: fleet.Origin{File: f.path, Document: d.Index},
				Message: "the document is not a Kubernetes object, since kind or metadata.name is missing"})
			p.drop(f.path, d.Index)
		}
	}
	if slices.Contains(p.resources, f.path) {
		p.lists = false // kustomize reads it twice
	} else {
		p.resources = append(p.resources, f.path)
	}
	p.lists, p.namespaces[f.path], p.listedBy[f.path] = p.lists && f.plain, p.namespace, p.current
	if f.plain || p.texts[f.path] != nil {
		return true
	}
	return p.stampFile(f)
}

// stampFiles stamps the plain files, which only kustomize needs.
func (p *plan) stampFiles() {
	for _, name := range p.resources {
		if p.texts[name] == nil {
			p.stampFile(p.artifact.tree.file(name))
		}
	}
}

func (p *plan) stampFile(f *file) bool {
	text, err := f.stamped(func(doc int, field []any) (int, bool) {
		if p.dropped[f.path][doc] {
			return 0, false
		}
		p.origins = append(p.origins, fleet.Origin{File: f.path, Document: doc, Field: field})
		return len(p.origins) - 1, true
	})
	if err != nil {
		p.problem("build", place{file: f.path}, "kustomize cannot write the file: %s", firstLine(err))
		return false
	}
	p.texts[f.path] = text
	return true
}

func (p *plan) drop(name string, doc int) {
	if p.dropped[name] == nil {
		p.dropped[name] = map[int]bool{}
	}
	p.dropped[name][doc] = true
}

// plainFile checks a file that is no resource and that kustomize parses: a patch, a configuration.
func (p *plan) plainFile(dir, entry string, where place) bool {
	if !p.sourceFile(dir, entry, where) {
		return false
	}
	if f := p.artifact.file(path.Join(dir, entry)); f != nil {
		p.reached[f.path], p.plain[f.path] = true, true
	}
	return true
}

// sourceFile checks a file that a generator takes as it is.
func (p *plan) sourceFile(dir, entry string, where place) bool {
	if !p.isLocal(entry, where) {
		return false
	}
	target, ok := p.inside(dir, entry, where)
	if ok && p.artifact.file(target) == nil && !p.artifact.isDir(target) {
		p.problem("missing-resource", where, p.whyAbsent(target), entry)
		return false
	}
	return ok
}

// generator checks the files of a generator and stamps what it makes.
func (p *plan) generator(dir string, g *types.GeneratorArgs, name, field string, i int) {
	for j, literal := range g.LiteralSources {
		if !strings.Contains(literal, "=") {
			p.problem("build", place{name, []any{field, i, "literals", j}},
				"the literal is not of the form KEY=value, so kustomize refuses it")
		}
	}
	keep := func(list string, sources []string, pathOf func(string) string) []string {
		var kept []string
		for j, source := range sources {
			if !p.sourceFile(dir, pathOf(source), place{name, []any{field, i, list, j}}) {
				continue
			}
			kept = append(kept, source)
			f := p.artifact.file(path.Join(dir, pathOf(source)))
			if f != nil && !f.broken { // a generator takes any text: what does not parse is no fault of it
				p.reached[f.path] = true
			}
			p.source(f, g, source, list, field, place{name, []any{field, i, list, j}})
		}
		return kept
	}
	g.LiteralSources = slices.DeleteFunc(g.LiteralSources, func(literal string) bool {
		return !strings.Contains(literal, "=")
	})
	g.FileSources = keep("files", g.FileSources, func(s string) string {
		if _, file, ok := strings.Cut(s, "="); ok {
			return file
		}
		return s
	})
	g.EnvSources = keep("envs", g.EnvSources, func(s string) string { return s })
	if g.Options == nil {
		g.Options = &types.GeneratorOptions{}
	}
	annotations := map[string]string{originAnnotation: strconv.Itoa(len(p.origins))}
	for key, value := range g.Options.Annotations {
		annotations[key] = value
	}
	g.Options.Annotations = annotations
	p.origins = append(p.origins, fleet.Origin{File: name, Field: []any{field, i}})
}

// isInline tells whether kustomize takes an entry of patchesStrategicMerge, generators, transformers or validators for
// objects and not for a path.
//
// Source: kubernetes-sigs/kustomize api/v0.21.1 internal/target/kusttarget.go configureExternalGenerators,
// configureExternalTransformers; internal/builtins/PatchStrategicMergeTransformer.go loadFromPaths.
func isInline(entry string) (inline bool) {
	if !strings.ContainsAny(entry, "{:") { // which the YAML of an object has
		return false
	}
	defer func() {
		if recover() != nil { // invalid objects make the library panic
			inline = false
		}
	}()
	_, err := inlineObjects().NewResMapFromBytes([]byte(entry))
	return err == nil
}

var inlineObjects = sync.OnceValue(func() *resmap.Factory {
	return resmap.NewFactory(provider.NewDefaultDepProvider().GetResourceFactory())
})

// isYAMLText tells a text that is meant as YAML where kustomize takes nothing but a path.
func isYAMLText(entry string) bool {
	text := strings.TrimSpace(entry)
	return strings.Contains(text, "\n") || strings.Contains(text, ": ") || strings.HasPrefix(text, "[") ||
		strings.HasPrefix(text, "{")
}

// isLocal tells whether an entry names something in this repository; else it is unknown.
//
// Source: kubernetes-sigs/kustomize api/v0.21.1 internal/git/repospec.go: what it would take for a repository.
func (p *plan) isLocal(entry string, where place) bool {
	if isYAMLText(entry) {
		return true
	}
	remote := isRemote(entry)
	if remote {
		address := secret.Address(entry)
		kind := fleet.UnknownRemoteBase
		if isYAMLName(address) {
			kind = fleet.UnknownRemoteFile
		}
		p.unknown(kind, where, "%s is remote", address)
	}
	return !remote
}

func isRemote(entry string) bool {
	return strings.Contains(entry, "://") || strings.Contains(entry, "?ref=") || strings.Contains(entry, "?version=") ||
		strings.HasPrefix(entry, "git@") || strings.HasPrefix(entry, "git::") || strings.HasPrefix(entry, "gh:") ||
		strings.HasPrefix(entry, "github.com/") || strings.HasPrefix(entry, "github.com:") ||
		strings.Contains(entry, "_git/") || strings.HasSuffix(entry, ".git") || strings.Contains(entry, ".git/")
}

// inside resolves an entry against its folder; a path that leaves the repository is refused,
// as Flux's file system does.
func (p *plan) inside(dir, entry string, where place) (string, bool) {
	target := path.Join(dir, entry)
	if isYAMLText(entry) && p.artifact.file(target) == nil {
		p.problem("missing-resource", where, "the entry is YAML, and kustomize accepts only a path here")
		return "", false
	}
	if path.IsAbs(entry) || target == ".." || strings.HasPrefix(target, "../") {
		p.problem("escape", where, "%q leads out of the repository", entry)
		return "", false
	}
	return target, true
}

package loader

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// plan is one kustomize build, prepared: every kustomization file that takes part, without the entries that would fail
// it or that only a network could fill, and every resource file with its objects stamped. What was taken out is a
// problem or makes the build incomplete, so that one broken entry never hides the rest.
type plan struct {
	artifact *view
	// texts replace the content of files for this build.
	texts map[string][]byte
	// origins are the places that the stamps count.
	origins []fleet.Origin
	// reached are the files that take part.
	reached map[string]bool
	// resources are the stamped resource files, in the order in which kustomize reads them; dropped are documents of
	// them that are taken out.
	resources []string
	dropped   map[string]map[int]bool
	// visited are the folders that are planned, with what each costs kustomize: objects, and folders as
	// folderCost. read is what the whole costs, as far as it is planned, and again what of that is since a folder
	// is listed more than once.
	visited     map[string]int
	read, again int
	// plain are the files that kustomize parses and that are no resources: patches, configurations.
	plain map[string]bool
	// lists: the kustomization files do nothing but list plain files and set a namespace, so far. namespaces are those
	// that the resource files' objects get then, and namespace is the one that the folders above the present one set.
	lists      bool
	namespaces map[string]string
	namespace  string
	// patched are the kustomization files with patches, badPatches how many of these were taken out.
	patched    []patchedFile
	badPatches int
	// guessed: patches were taken out that may be for what cannot be read here.
	guessed bool
	// ownSchema: a kustomization changes kustomize's OpenAPI schema. patches: one may patch by the schema.
	ownSchema, patches bool
	// replaces: values are copied from one object to another.
	replaces bool
	// encrypted are the SOPS-encrypted files that secretGenerators and patches read: Flux decrypts those too. faults
	// are what it does not decrypt of them.
	encrypted        []fleet.Origin
	encryptedPatches []encryptedPatch
	faults           []fleet.DecryptionFault
	// inPlace are the files that Flux decrypts where they lie, before the build.
	inPlace map[string]bool
	// taken are the kustomization files, the root first, with what the Flux Kustomization adds, which is spec. current
	// is the number of the one that is being planned, listedBy that of the one that lists a resource file.
	taken    []taken
	spec     overlaySpec
	current  int
	listedBy map[string]int

	problems   []fleet.BuildProblem
	incomplete []fleet.Incomplete
	// failed: Flux's own build fails, for a problem here or in a file.
	failed bool
	// limited: folders were left out that would be read too often.
	limited bool
	// unpatched: something was left out that may change what else is built: a patch, a component, a transformer.
	unpatched bool
}

const (
	// maxAgain bounds the objects that kustomize reads again in one build, since several folders list them: at
	// each level they can double.
	maxAgain = 20_000
	// folderCost is how many objects take kustomize as long as a folder: a millisecond.
	folderCost = 10
)

func newPlan(a *view) *plan {
	return &plan{artifact: a, texts: map[string][]byte{}, reached: map[string]bool{}, plain: map[string]bool{},
		dropped: map[string]map[int]bool{}, visited: map[string]int{}, lists: true, namespaces: map[string]string{},
		current: -1, listedBy: map[string]int{}, inPlace: map[string]bool{}}
}

// place is an entry of a kustomization file, or without a file, of the Flux Kustomization that is built.
type place struct {
	file string
	at   []any
}

// inSpec is a place in the spec of the Flux Kustomization that is built, whichever that is: a build is shared.
func inSpec(field ...any) place { return place{at: append([]any{"spec"}, field...)} }

func (p *plan) problem(kind string, where place, format string, args ...any) {
	p.failed = true
	p.problems = append(p.problems, fleet.BuildProblem{Kind: kind,
		Message: secret.Message(fmt.Sprintf(format, args...)),
		Origin:  fleet.Origin{File: where.file}, At: where.at})
}

func (p *plan) unknown(kind fleet.UnknownKind, where place, format string, args ...any) {
	p.incomplete = append(p.incomplete, fleet.Incomplete{Kind: kind, Why: secret.Message(fmt.Sprintf(format, args...)),
		Origin: fleet.Origin{File: where.file, Field: where.at}})
}

// unreadable: the build fails at a file whose own problems say why, and nobody knows what the file was to bring.
func (p *plan) unreadable(f *file) {
	p.failed = true
	p.unknown(fleet.UnknownFile, place{file: f.path}, "the file cannot be read")
}

// absent: the build fails at an entry that leads to nothing, and nobody knows what it was to bring.
func (p *plan) absent(where place, format string, args ...any) bool {
	p.problem("missing-resource", where, format, args...)
	p.unknown(fleet.UnknownAbsent, where, format, args...)
	return false
}

// root plans the folder that a Flux Kustomization names, with what its spec adds.
//
// Source: fluxcd/pkg kustomize/kustomize_generator.go GenerateManifest: the root's own file is decoded leniently and
// written anew, and one is generated over the whole folder where there is none.
func (p *plan) root(dir string, spec overlaySpec) {
	kf := p.artifact.kustomizeFile(dir)
	var k types.Kustomization
	name := path.Join(dir, "kustomization.yaml")
	if kf == nil {
		k.Resources = p.scan(dir)
		if len(k.Resources) == 0 {
			k.Namespace = "_placeholder"
		}
	} else {
		name = kf.path
		p.reached[name] = true
		if kf.broken {
			p.unreadable(kf)
		} else if err := sigsyaml.Unmarshal(kf.text(), &k); err != nil {
			p.problem("build", place{file: name}, "kustomize cannot read the file: %s", firstLine(err))
			p.unpatched = true
		}
		if len(k.Resources) == 0 {
			k.BuildMetadata = []string{types.OriginAnnotations}
		}
	}
	k.FixKustomization()
	own := ownEntries{patches: len(k.Patches), components: len(k.Components)}
	spec.apply(&k, func(i int, component string) bool {
		if path.IsAbs(component) || isRemote(component) {
			p.problem("build", inSpec("components", i),
				"the component %q is not a relative path in the repository, so Flux refuses it", component)
			p.unpatched = true
			return false
		}
		if spec.IgnoreMissingComponents && !p.artifact.isDir(path.Join(dir, component)) {
			return false
		}
		own.taken = append(own.taken, i)
		return true
	})
	p.visited[dir], p.spec = folderCost, spec
	p.fill(dir, name, &k, []string{dir}, kf == nil, &own)
}

// ownEntries counts the entries of a kustomization file that are its own; those of the Flux
// Kustomization's spec come after them.
type ownEntries struct {
	patches, components int
	taken               []int // the numbers of the spec's components
}

// component is where the i-th component stands: in the file, or in the spec.
func (o *ownEntries) component(i int, inFile place) place {
	if o == nil || i < o.components {
		return inFile
	}
	return inSpec("components", o.taken[i-o.components])
}

// scan lists what the generated kustomization file of a folder lists.
//
// Source: fluxcd/pkg kustomize/kustomize_generator.go scanManifests: a folder below with a kustomization file is a
// resource and not descended into; any other *.yaml and *.yml file must hold Kubernetes objects.
func (p *plan) scan(dir string) []string {
	var found []string
	for _, child := range p.artifact.children(dir) {
		rel := "./" + strings.TrimPrefix(strings.TrimPrefix(child, dir), "/")
		if dir == "." {
			rel = "./" + child
		}
		if p.artifact.tree.isDir(child) {
			if p.artifact.kustomizeFile(child) != nil {
				found = append(found, rel)
				continue
			}
			for _, below := range p.scan(child) {
				found = append(found, rel+strings.TrimPrefix(below, "."))
			}
			continue
		}
		f := p.artifact.file(child)
		if f == nil || path.Ext(child) != ".yaml" && path.Ext(child) != ".yml" {
			continue
		}
		p.reached[child] = true
		if f.broken {
			p.unreadable(f)
			continue
		}
		if i := slices.IndexFunc(f.docs, func(d document) bool { return !isObject(d) }); i >= 0 {
			p.failed = true
			p.problems = append(p.problems, fleet.BuildProblem{
				Kind: "not-kubernetes", Origin: fleet.Origin{File: child, Document: f.docs[i].Index},
				Message: fmt.Sprintf(
					"the folder %q has no kustomization.yaml, so Flux reads every YAML file below it as Kubernetes objects, and this is not one", dir)})
			continue
		}
		found = append(found, rel)
	}
	return found
}

// isObject tells whether kustomize takes a document for a Kubernetes object: kind and metadata.name, or a List.
func isObject(d document) bool {
	return d.Kind != "" && (d.Name != "" || strings.HasSuffix(d.Kind, "List") || d.Stamp.How == stampNode)
}

// nested plans a folder that another kustomization lists.
func (p *plan) nested(dir string, component bool, from place, stack []string) bool {
	for _, above := range stack {
		if dir == above || dir == "." || strings.HasPrefix(above, dir+"/") {
			p.problem("cycle", from, "%q leads back to a folder that is being built", dir)
			return false
		}
	}
	kf := p.artifact.kustomizeFile(dir)
	if kf == nil {
		return p.absent(from, "the folder %q has no kustomization file", dir)
	}
	if times := p.visited[dir]; times > 0 {
		p.lists = false // kustomize reads it twice, and then has two of each object
		if p.again += times; p.again > maxAgain {
			p.again = maxAgain
			if !p.limited {
				p.limited = true
				p.problem("limit", from,
					"the folders below %q are listed again and again, so that kustomize reads more than %d objects anew, and no more of them are built", dir, maxAgain)
				p.unknown(fleet.UnknownBuild, from, "the folder %q is listed too often", dir)
			}
			return false
		}
		p.read += times
		return true
	}
	before := p.read
	p.read += folderCost
	p.visited[dir] = folderCost
	defer func() { p.visited[dir] = p.read - before }()
	p.reached[kf.path] = true
	if kf.broken {
		p.unreadable(kf)
		p.placeholder(kf.path, component)
		p.unpatched = p.unpatched || component
		return true
	}
	var k types.Kustomization
	if err := k.Unmarshal(kf.text()); err != nil {
		p.unpatched = true
		p.problem("build", place{file: kf.path}, "kustomize cannot read the file: %s", firstLine(err))
		if sigsyaml.Unmarshal(kf.text(), &k) != nil {
			p.placeholder(kf.path, component)
			return true
		}
	}
	k.FixKustomization()
	if from.at == nil { // what lists the folder is no file of the tree
		from.file = kf.path
	}
	if err := k.CheckEmpty(); err != nil {
		p.problem("empty", from, "the kustomization file in %q is empty, which kustomize refuses", dir)
		p.placeholder(kf.path, component)
		return true
	}
	if (k.Kind == types.ComponentKind) != component {
		if component {
			p.problem("build", from, "%q is not a component, so kustomize refuses it under components", dir)
		} else {
			p.problem("build", from, "%q is a component, so kustomize refuses it under resources", dir)
		}
		return false
	}
	p.fill(dir, kf.path, &k, append(slices.Clone(stack), dir), false, nil)
	return true
}

// placeholderKustomization stands for a kustomization file that cannot be read.
var placeholderKustomization = []byte("buildMetadata: [originAnnotations]\n")

func (p *plan) placeholder(name string, component bool) {
	p.texts[name], p.lists = placeholderKustomization, false
	if component {
		p.texts[name] = slices.Concat([]byte("kind: "+types.ComponentKind+"\n"), placeholderKustomization)
	}
}

// fill checks every entry of a kustomization file, takes out what cannot be built, and sets the file's text. At the
// root own tells its entries from those of the Flux Kustomization's spec.
func (p *plan) fill(dir, name string, k *types.Kustomization, stack []string, generated bool, own *ownEntries) {
	p.lists = p.lists && p.onlyLists(dir, k, generated)
	patching := entriesThatPatch(k)
	above, parent := p.namespace, p.current
	p.namespace = cmp.Or(above, k.Namespace)
	p.current = len(p.taken)
	p.taken = append(p.taken, taken{file: name, k: *k, parent: parent, component: k.Kind == types.ComponentKind})
	defer func() { p.namespace, p.current = above, parent }()
	keep := func(field string, entries []string, take func(entry string, where place) bool) []string {
		var kept []string
		for i, entry := range entries {
			where := place{file: name, at: []any{field, i}}
			if generated {
				where = place{file: path.Join(dir, entry)}
			}
			if field == "components" {
				where = own.component(i, where)
			}
			if p.isLocal(entry, where) && take(entry, where) {
				kept = append(kept, entry)
			}
		}
		return kept
	}
	asFile := func(entry string, where place) bool { return p.plainFile(dir, entry, where) }
	asObjects := func(entry string, where place) bool { return isInline(entry) || asFile(entry, where) }
	k.Resources = keep("resources", k.Resources, func(entry string, where place) bool {
		return p.resource(dir, entry, where, stack)
	})
	k.Components = keep("components", k.Components, func(entry string, where place) bool {
		target, ok := p.inside(dir, entry, where)
		if ok && !p.artifact.isDir(target) {
			return p.absent(where, "the component %q does not exist", entry)
		}
		return ok && p.nested(target, true, where, stack)
	})
	k.Crds = keep("crds", k.Crds, asFile)
	k.Configurations = keep("configurations", k.Configurations, asFile)
	k.Generators = keep("generators", k.Generators, asObjects)
	k.Transformers = keep("transformers", k.Transformers, asObjects)
	k.Validators = keep("validators", k.Validators, asObjects)
	p.checkPatches(dir, name, k, own)
	var replacements []types.ReplacementField
	for i, r := range k.Replacements {
		if r.Path == "" || p.plainFile(dir, r.Path, place{name, []any{"replacements", i, "path"}}) {
			replacements = append(replacements, r)
		}
	}
	k.Replacements = replacements
	p.replaces = p.replaces || len(replacements) > 0
	if file := k.OpenAPI["path"]; file != "" && !p.plainFile(dir, file, place{name, []any{"openapi", "path"}}) {
		k.OpenAPI = nil
	}
	if len(k.HelmCharts) > 0 {
		p.problem("build", place{name, []any{"helmCharts"}},
			"helmCharts requires kustomize's --enable-helm, which Flux does not set")
		k.HelmCharts, k.HelmGlobals = nil, nil
	}
	for i := range k.ConfigMapGenerator {
		p.generator(dir, &k.ConfigMapGenerator[i].GeneratorArgs, name, "configMapGenerator", i)
	}
	for i := range k.SecretGenerator {
		p.generator(dir, &k.SecretGenerator[i].GeneratorArgs, name, "secretGenerator", i)
	}
	p.unpatched = p.unpatched || entriesThatPatch(k) < patching
	if k.CheckEmpty() != nil {
		k.BuildMetadata = []string{types.OriginAnnotations}
	}
	if last := len(p.patched) - 1; last >= 0 && p.patched[last].name == name {
		p.patched[last].file = k
	}
	p.ownSchema = p.ownSchema || len(k.OpenAPI)+len(k.Crds) > 0
	//lint:ignore SA1019 files may have it all the same
	p.patches = p.patches || len(k.Patches)+len(k.PatchesJson6902)+len(k.Generators)+len(k.Transformers)+
		len(k.Validators) > 0
	text, err := json.Marshal(k) // JSON is YAML too
	if err != nil {              // the struct came from YAML
		p.problem("build", place{file: name}, "kustomize cannot read the file: %s", firstLine(err))
		text = placeholderKustomization
	}
	p.texts[name] = text
}

// entriesThatPatch counts the entries of a kustomization file that may change any object of the build.
func entriesThatPatch(k *types.Kustomization) int {
	n := len(k.Components) + len(k.Transformers) + len(k.Patches) + len(k.Replacements)
	//lint:ignore SA1019 files may have it all the same
	return n + len(k.PatchesStrategicMerge) + len(k.PatchesJson6902)
}

// firstLine is the beginning of an error's text, without what it may quote of the files: of what stands in quotes,
// the names of fields alone.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	line, _, _ = strings.Cut(line, "map[") // a key or a value that is no text, as Go writes it
	line = unknownAnchor.ReplaceAllString(line, "unknown anchor")
	line = quotedValue.ReplaceAllStringFunc(line, func(part string) string {
		if fieldName.MatchString(part) || len(part) <= 4 { // the sign that the parser misses
			return part
		}
		return part[:strings.IndexAny(part, "`'\"")] + "…"
	})
	return secret.Message(strings.TrimSpace(line))
}

var (
	// quotedValue is how decoders quote what they cannot decode.
	quotedValue = regexp.MustCompile("(?:field )?(?:`[^`]*`?|\"(?:[^\"\\\\]|\\\\.)*\"?|'[^']*'?)")
	fieldName   = regexp.MustCompile(`^field "[A-Za-z0-9_.-]{1,64}"$`)
)

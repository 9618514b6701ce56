package loader

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// builder builds paths, each distinct build once for all clusters.
type builder struct {
	mu   sync.Mutex
	done map[string]*pending
}

// openAPI guards kustomize's OpenAPI schema, which is a global too: builds that change it run alone.
var openAPI sync.RWMutex

// parseSchema parses the schema that patches go by, which costs 0.1 s of one core and which most trees do without.
var parseSchema = sync.OnceFunc(func() {
	openAPI.Lock()
	defer openAPI.Unlock()
	openapi.Schema()
})

type pending struct {
	once   sync.Once
	result *build
}

func newBuilder() *builder { return &builder{done: map[string]*pending{}} }

// build is what kustomize makes of a path: the objects before substitution, and what is to be said of it.
type build struct {
	objects []built
	files   []string
	// plain are those of the files that are no resources: patches, configurations.
	plain     map[string]bool
	encrypted []fleet.Origin
	faults    []fleet.DecryptionFault
	// known are the texts of the Secrets that a replacement may have brought from another object.
	known      []string
	problems   []fleet.BuildProblem
	incomplete []fleet.Incomplete
	effects    []fleet.BuildEffect
	failed     bool
	// seen is what was looked up in the tree.
	seen lookups
	// partial: kustomize could not build even what was left, and the objects are the resource files' own, without
	// patches. guessed: it could build without patches that may be for what cannot be read here. unpatched: so it is,
	// or something was left out that may change the objects.
	partial, guessed, unpatched bool
}

// state tells whether Flux's build of the path works.
func (b *build) state() fleet.State {
	switch {
	case b.failed:
		return fleet.Missing
	case b.partial, b.guessed:
		return fleet.Unknown
	}
	return fleet.Found
}

// built is one object of a build.
type built struct {
	object map[string]any
	origin fleet.Origin
	// variables: the object's text holds something that substitution may replace.
	variables bool
}

// build builds the folder with what the Flux Kustomization's spec adds. Safe for concurrent use.
func (b *builder) build(a *artifact, dir string, spec overlaySpec) *build {
	key := fmt.Sprintf("%p %s %s", a, dir, spec.key())
	b.mu.Lock()
	p := b.done[key]
	if p == nil {
		p = &pending{}
		b.done[key] = p
	}
	b.mu.Unlock()
	p.once.Do(func() { p.result = newBuild(a, dir, spec) })
	return p.result
}

// maxRetries bounds how many objects that are there twice are taken out of one build.
const maxRetries = 100

func newBuild(a *artifact, dir string, spec overlaySpec) *build {
	p := newPlan(a.watched())
	p.root(dir, spec)
	out := &build{}
	var failure error
	if objects, ok := p.listed(); ok {
		out.objects = objects
	} else if m, err := p.kustomize(dir); err == nil {
		out.objects = p.objects(m, dir)
	} else {
		out.objects, out.partial, failure = p.rawObjects(), true, err
	}
	for name := range p.artifact.read {
		if f := p.artifact.file(name); f != nil && !f.broken { // a generator takes any text
			p.reached[name] = true
		}
	}
	if p.replaces {
		for _, b := range out.objects {
			if b.object["kind"] == "Secret" {
				out.known = append(out.known, secret.Texts(b.object)...)
			}
		}
	}
	out.files = slices.Sorted(maps.Keys(p.reached))
	out.plain, out.encrypted = p.plain, p.encrypted
	if out.partial {
		out.faults = p.decryptionFaults(p.transformed(out.objects))
	} else {
		out.faults = p.decryptionFaults(out.objects)
	}
	switch {
	case failure == nil || len(p.incomplete) > 0: // a patch may be for something that only a network could bring
	case len(out.faults) > 0 && encryptedName.MatchString(failure.Error()):
		p.failed = true // as the fault says
	default:
		p.problem("build", p.blame(failure, dir), "kustomize cannot build %q: %s", dir, explain(failure))
	}
	if !out.partial && !p.guessed {
		out.effects = p.effects(out.objects)
	}
	out.seen = p.artifact.seen
	out.problems, out.incomplete, out.failed = p.problems, p.incomplete, p.failed
	out.guessed, out.unpatched = p.guessed, out.partial || p.unpatched
	return out
}

// encryptedName is how kustomize fails where it changes a name or a namespace that is a ciphertext, which has commas.
//
// Source: kubernetes-sigs/kustomize api/v0.21.1 resource/resource.go PrevIds.
var encryptedName = regexp.MustCompile(`number of previous names, number of previous namespaces`)

// kustomize builds with the library, without the objects that are there twice.
func (p *plan) kustomize(dir string) (resmap.ResMap, error) {
	p.stampFiles()
	m, err := p.runKustomize(dir)
	for range maxRetries {
		if err == nil || !p.dropDuplicate(err) && !p.dropPatch(err, func() (resmap.ResMap, error) {
			return p.runKustomize(dir)
		}) {
			break
		}
		m, err = p.runKustomize(dir)
	}
	return m, err
}

// runKustomize runs the library as kustomize-controller does: builtin plugins only, files from
// anywhere in the artifact.
//
// Source: fluxcd/pkg kustomize/kustomize_generator.go Build.
func (p *plan) runKustomize(dir string) (m resmap.ResMap, err error) {
	defer func() {
		if r := recover(); r != nil { // invalid objects make the library panic
			m, err = nil, fmt.Errorf("kustomize gave up: %v", r)
		}
	}()
	if p.ownSchema || p.patches {
		parseSchema()
	}
	if p.ownSchema {
		openAPI.Lock()
		defer openAPI.Unlock()
		defer func() { openapi.ResetOpenAPI(); openapi.Schema() }()
	} else {
		openAPI.RLock()
		defer openAPI.RUnlock()
	}
	k := krusty.MakeKustomizer(&krusty.Options{LoadRestrictions: types.LoadRestrictionsNone,
		PluginConfig: types.DisabledPluginConfig()})
	return k.Run(treeFS{artifact: p.artifact, texts: p.texts}, path.Join("/", dir))
}

// objects are the build's objects with their origins; the stamps are taken off.
func (p *plan) objects(m resmap.ResMap, dir string) []built {
	var all []built
	for _, r := range m.Resources() {
		object, dollar, err := decodeResource(r)
		if err != nil {
			p.failed = true
			if o, ok := p.originOf(r.GetAnnotations()[originAnnotation]); ok && p.hasDuplicateKey(o) {
				// the file's own problem says so; kyaml refuses to write such an object, and Flux fails
				all = append(all, built{object: objects(p.artifact.tree.file(o.File).text())[o.Document], origin: o,
					variables: true})
				continue
			}
			p.problem("build", place{file: p.kustomizeName(dir)}, "the object %s cannot be written as JSON", r.CurId())
			continue
		}
		origin := fleet.Origin{File: p.kustomizeName(dir)}
		if o, ok := p.originOf(takeStamp(object)); ok {
			origin = o
		} else if o, ok := p.originByName(object); ok {
			origin = o
		}
		if r.GetApiVersion() == "" { // kustomize does not mind, kustomize-controller refuses the build
			p.failed = true
			p.problems = append(p.problems, fleet.BuildProblem{
				Kind: "not-kubernetes", Origin: origin,
				Message: "the document is not a Kubernetes object, since apiVersion is missing"})
		}
		all = append(all, built{object: object, origin: origin, variables: dollar})
	}
	return all
}

// decodeResource gives the object the meaning that its JSON form has, and tells whether its text has a "$".
// resource.MarshalJSON would write the node as YAML, parse that and write it as JSON: a quarter of a build's time. It
// is what Flux does, and it changes folded text: the library writes an empty line before one that is indented more.
func decodeResource(r *resource.Resource) (object map[string]any, dollar bool, err error) {
	if hasFolded(r.YNode()) {
		data, err := r.MarshalJSON()
		if err == nil {
			err = json.Unmarshal(data, &object)
		}
		if err != nil {
			return nil, false, err
		}
	} else if err = r.YNode().Decode(&object); err != nil {
		return nil, false, err
	}
	_, err = normalise(object, &dollar)
	return object, dollar, err
}

// hasFolded tells whether the node holds folded text (">") of several lines.
func hasFolded(n *kyaml.Node) bool {
	return n.Kind == kyaml.ScalarNode && n.Style&kyaml.FoldedStyle != 0 && strings.Contains(n.Value, "\n") ||
		slices.ContainsFunc(n.Content, hasFolded)
}

// normalise turns what the YAML decoder makes of a value into what a JSON decoder of Kubernetes would, in place.
func normalise(v any, dollar *bool) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			*dollar = *dollar || strings.IndexByte(key, '$') >= 0
			n, err := normalise(value, dollar)
			if err != nil {
				return nil, err
			}
			v[key] = n
		}
	case []any:
		for i := range v {
			n, err := normalise(v[i], dollar)
			if err != nil {
				return nil, err
			}
			v[i] = n
		}
	case string:
		*dollar = *dollar || strings.IndexByte(v, '$') >= 0
	case int:
		return int64(v), nil
	case uint64:
		return float64(v), nil
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	case map[any]any:
		return nil, errors.New("a key is no string")
	}
	return v, nil
}

func (p *plan) originOf(stamp string) (fleet.Origin, bool) {
	number, err := strconv.Atoi(stamp)
	if err != nil || number < 0 || number >= len(p.origins) {
		return fleet.Origin{}, false
	}
	return p.origins[number], true
}

func (p *plan) hasDuplicateKey(o fleet.Origin) bool {
	f := p.artifact.tree.file(o.File)
	return f != nil && slices.ContainsFunc(f.problems, func(p fleet.Problem) bool { return p.Kind == "duplicate-key" })
}

// takeStamp removes the annotation, and the mapping that it alone was in.
func takeStamp(object map[string]any) string {
	meta, _ := object["metadata"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	value := str(annotations, originAnnotation)
	delete(annotations, originAnnotation)
	if annotations != nil && len(annotations) == 0 {
		delete(meta, "annotations")
	}
	return value
}

// originByName finds the origin of an object whose annotations a patch has replaced.
func (p *plan) originByName(object map[string]any) (fleet.Origin, bool) {
	meta, _ := object["metadata"].(map[string]any)
	for _, name := range p.resources {
		for _, d := range p.artifact.tree.file(name).docs {
			if d.Kind == object["kind"] && d.APIVersion == object["apiVersion"] && d.Name == meta["name"] {
				return fleet.Origin{File: name, Document: d.Index}, true
			}
		}
	}
	return fleet.Origin{}, false
}

// rawObjects are the resource files' objects as they lie there.
func (p *plan) rawObjects() []built {
	var all []built
	for _, name := range p.resources {
		f := p.artifact.tree.file(name)
		for index, object := range sortedObjects(f.text()) {
			if p.dropped[name][index] || str(object, "kind") == "" {
				continue
			}
			all = append(all, built{object: object, origin: fleet.Origin{File: name, Document: index}, variables: true})
		}
	}
	return all
}

func sortedObjects(data []byte) func(func(int, map[string]any) bool) {
	all := objects(data)
	return func(yield func(int, map[string]any) bool) {
		for _, i := range slices.Sorted(maps.Keys(all)) {
			if !yield(i, all[i]) {
				return
			}
		}
	}
}

func (p *plan) kustomizeName(dir string) string {
	if kf := p.artifact.kustomizeFile(dir); kf != nil {
		return kf.path
	}
	return path.Join(dir, "kustomization.yaml")
}

// duplicateID is kustomize's word for an object that is there twice: Kind.version.group/name.namespace, in the form of
// kyaml's resid.ResId.String.
var duplicateID = regexp.MustCompile(`may not add resource with an already registered id: (\S+)`)

// dropDuplicate takes the later one of two objects with the same ID out of the build. Where one file holds both, all
// others that the file holds twice go too: each would cost a build.
func (p *plan) dropDuplicate(err error) bool {
	m := duplicateID.FindStringSubmatch(err.Error())
	if m == nil {
		return false
	}
	kind, name, _ := strings.Cut(m[1], "/")
	at := strings.LastIndex(name, ".")
	if at < 0 {
		return false
	}
	name = name[:at]
	var same []fleet.Origin
	for _, file := range p.resources {
		for _, d := range p.artifact.tree.file(file).docs {
			if d.Name == name && kind == resID(d) && !p.dropped[file][d.Index] {
				same = append(same, fleet.Origin{File: file, Document: d.Index})
			}
		}
	}
	if len(same) < 2 {
		return false
	}
	first, last := same[0], same[len(same)-1]
	p.failed = true
	drop := func(d fleet.Origin, kind, name string, first fleet.Origin) {
		p.problems = append(p.problems, fleet.BuildProblem{Kind: "duplicate", Origin: d, At: []any{"metadata", "name"},
			Message: secret.Message(fmt.Sprintf("the %s %q is already in this build, from %q", kind, name,
				first.File))})
		p.drop(d.File, d.Document)
	}
	drop(last, strings.SplitN(kind, ".", 2)[0], name, first)
	if first.File == last.File {
		seen := map[string]fleet.Origin{}
		for _, d := range p.artifact.tree.file(last.File).docs {
			id, at := strings.Join([]string{d.APIVersion, d.Kind, d.Namespace, d.Name}, "/"),
				fleet.Origin{File: last.File, Document: d.Index}
			if before, ok := seen[id]; ok && !p.dropped[at.File][at.Document] {
				drop(at, d.Kind, d.Name, before)
			} else if !ok && !p.dropped[at.File][at.Document] {
				seen[id] = at
			}
		}
	}
	return p.stampFile(p.artifact.tree.file(last.File))
}

func resID(d document) string {
	group, version, ok := strings.Cut(d.APIVersion, "/")
	if !ok {
		group, version = "[noGrp]", d.APIVersion
	}
	return d.Kind + "." + version + "." + group
}

// blame finds the kustomization file that an error of kustomize speaks of: the deepest path in it.
func (p *plan) blame(err error, dir string) place {
	where := p.kustomizeName(dir)
	if p.artifact.file(where) == nil {
		where = dir
	}
	for _, m := range quotedPath.FindAllStringSubmatch(err.Error(), -1) {
		name := inTree(m[1])
		if p.artifact.isDir(name) {
			name = p.kustomizeName(name)
		}
		if p.artifact.file(name) != nil && len(name) > len(where) {
			where = name
		}
	}
	return place{file: where}
}

var quotedPath = regexp.MustCompile(`'(/[^']+)'`)

// explanations are what of kustomize's errors may be shown: names, paths and fields. The errors quote patches, literals
// and whole objects as well, and any of those may hold secret values.
var explanations = regexp.MustCompile(strings.Join([]string{
	`no matches for Id [\w.\[\]/-]+`,
	`unable to parse SM or JSON patch`,
	`must specify (?:a target for JSON patch|one of patch and path)`,
	`failed to find unique target for patch [\w.\[\]/-]+`,
	`may not add resource with an already registered id: [\w.\[\]/-]+`,
	`json: unknown field "[\w.-]+"`,
	`\w+ operation does not apply: doc is missing (?:path|key): "?[\w/~.-]+"?`,
	`Unable to remove nonexistent key: [\w./~-]+`,
	`(?:missing|unable to find|nothing selected by|invalid) [\w .]*(?:metadata\.name|kind|apiVersion|field|target|source)\b`,
	`namespace transformation produces ID conflict`,
	`number of previous names, number of previous namespaces, number of previous kinds not equal`,
	`Found multiple kustomization files`,
	`apiVersion for \w+ should be [\w./-]+`,
	`kind should be \w+ or \w+`,
	`yaml: line \d+: [a-z ]+`,
	`behavior must be [\w |,]+`,
	`illegally names file|illegal repetition|must not be empty`,
}, "|"))

// explain is what may be shown of an error of kustomize.
func explain(err error) string {
	var all []string
	for _, part := range explanations.FindAllString(err.Error(), 3) {
		if !slices.Contains(all, part) {
			all = append(all, part)
		}
	}
	if len(all) == 0 {
		return "the command kustomize build says why"
	}
	return strings.Join(all, "; ")
}

package loader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"
	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/glob"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

const (
	// maxYAML bounds a YAML or JSON file. The largest that public fleets hold, bundles of custom resource definitions,
	// have 1.4 MB; source-controller's own limit is for the whole artifact.
	maxYAML = 16 << 20
	// maxText bounds any other file that is searched for private keys or that a generator reads.
	maxText = 5 << 20
)

// tree is the repository as it lies there: every regular file, the YAML ones parsed.
type tree struct {
	fsys  fs.FS
	files map[string]*file
	// paths are the keys of files, sorted.
	paths []string
	// dirs are the entries of each folder, files and folders, by path, sorted. The root is ".".
	dirs map[string][]string
	// lists is what the kustomization files list.
	lists listGraph
	// listed are the files that kustomize reads as YAML because a kustomization file lists them, where their names or
	// their folders say otherwise: s.txt, a file in a chart's templates/.
	listed map[string]*file
	// versions and kept are what the last run has seen and made of the files.
	versions map[string]version
	kept     map[string]*reading
	// options are how the tree is read, and what was said of it. toldBy are the files, beside Flux's own objects and
	// kustomization files, that say where Flux starts.
	options *Options
	toldBy  map[string]bool
	// pushes are what pipelines push.
	pushes     []push
	pushesOnce sync.Once
	// matchers are those of the artifacts, by their rules.
	matchers *matchers
	// excluded counts the files that the options leave out, up to maxExcluded.
	excluded int
	// pins are the recipients that files may be encrypted to.
	pins pins
	// changed: a file is not what it was when it was looked at.
	changed atomic.Bool
}

// file is one regular file, or a symbolic link.
type file struct {
	tree    *tree
	path    string
	symlink bool
	state   string // as version has it
	isYAML  bool
	class   fleet.FileClass
	// data is the content, as text reads it.
	data []byte
	load sync.Once
	// unread: the content could not be read.
	unread bool
	// hash is that of the content, in hexadecimal; another text where it could not be read.
	hash string
	// read is what the content alone has come to.
	read *reading
	docs []document
	// whole is the text as a whole, where that is to be encrypted: with a private key in no document,
	// or for a secretGenerator.
	whole *fleet.Document
	// sources are what there is to say of the documents that a secretGenerator reads, besides.
	sources    []fleet.Document
	problems   []fleet.Problem
	exceptions []fleet.Exception
	// lists are the files that a kustomization file names.
	lists *kustomizeLists
	// broken: nothing can be built from the file.
	broken bool
	// expansion is what aliases add to the documents, as secret.Expansion counts it.
	expansion int
	// plain: kustomize takes the documents as they are. objects are those of a plain file, decode sees to them.
	plain   bool
	objects []decodedObject
	decode  sync.Once
}

func (f *file) fact(reachedBy []string) fleet.File {
	out := fleet.File{
		Path: f.path, Class: f.class, ReachedBy: reachedBy,
		Problems: f.problems, Exceptions: f.exceptions, Documents: f.facts(),
	}
	if out.ReachedBy == nil {
		out.ReachedBy = []string{}
	}
	if out.Problems == nil {
		out.Problems = []fleet.Problem{}
	}
	if out.Exceptions == nil {
		out.Exceptions = []fleet.Exception{}
	}
	return out
}

// facts are the documents as rules see them; of the same content they are the same slice.
func (f *file) facts() []fleet.Document {
	own := f.read != nil && f.whole == f.read.Whole && len(f.docs) == len(f.read.Documents) && len(f.sources) == 0
	if own && f.read.facts != nil {
		return f.read.facts
	}
	all := make([]fleet.Document, 0, len(f.docs))
	for _, d := range f.docs {
		all = append(all, f.withoutGenerated(d.Document.Complete()))
	}
	if f.whole != nil {
		all = append(all, f.whole.Complete())
	}
	for _, d := range f.sources {
		all = append(all, d.Complete())
	}
	if own {
		f.read.facts = all
	}
	return all
}

// withoutGenerated is a document without the values that only their names tell, where a secretGenerator takes them.
func (f *file) withoutGenerated(d fleet.Document) fleet.Document {
	taken := func(v fleet.Value) bool {
		return v.In == "beside" && slices.ContainsFunc(f.sources, func(source fleet.Document) bool {
			return source.Index == d.Index && slices.ContainsFunc(source.Values, func(o fleet.Value) bool {
				return slices.Equal(o.Field, v.Field)
			})
		})
	}
	if slices.ContainsFunc(d.Values, taken) {
		d.Values = slices.DeleteFunc(slices.Clone(d.Values), taken)
	}
	return d
}

func newTree(fsys fs.FS, opts *Options) *tree {
	return &tree{fsys: fsys, files: map[string]*file{}, dirs: map[string][]string{}, options: opts,
		toldBy: map[string]bool{}, matchers: newMatchers()}
}

// readAll walks the tree and reads its files, all cores at once.
func (t *tree) readAll(ctx context.Context, opts Options) error {
	now := time.Now()
	excluded, err := glob.Compile(opts.Exclude)
	if err != nil {
		return fmt.Errorf("exclude %w", err)
	}
	err = fs.WalkDir(t.fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if d != nil && d.IsDir() && d.Name() == ".git" {
			return skip(d)
		}
		if p != "." && excluded(p) {
			return t.leaveOut(d, err)
		}
		if err != nil {
			if p == "." {
				return err
			}
			f := &file{path: p}
			f.fail(unreadable(err))
			f.class = fleet.Text
			t.add(p, f)
			return skip(d)
		}
		if d.IsDir() {
			t.dirs[p] = nil
			if p != "." {
				t.list(p)
			}
			return nil
		}
		symlink := d.Type()&fs.ModeSymlink != 0
		if !symlink && !d.Type().IsRegular() {
			return nil // a socket, a device: no part of an artifact, and reading one may never end
		}
		f := newFile(p, symlink)
		if info, err := d.Info(); err == nil {
			f.state = state(info, now)
		}
		t.add(p, f)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the tree: %w", err)
	}
	// fs.WalkDir is lexical within a folder, not over whole paths.
	sortPaths(t.paths)
	return t.eachFile(ctx, (*file).look)
}

// parseFiles reads the files' documents, all cores at once.
func (t *tree) parseFiles(ctx context.Context) error {
	var charts sync.Map // folder → whether it is a Helm chart's
	if err := t.eachFile(ctx, func(f *file) { f.parseOnce(&charts) }); err != nil {
		return err
	}
	t.boundExpansion()
	return nil
}

// maxExpansion bounds what aliases add to all files of a tree, as secret.Expansion counts it: each
// build copies it several times.
const maxExpansion = 5 * secret.MaxExpansion

// boundExpansion takes out the files whose aliases are too much for the tree, in the order of the paths.
func (t *tree) boundExpansion() {
	sum := 0
	for _, p := range t.paths {
		f := t.files[p]
		if f.expansion == 0 || f.expansion > secret.MaxExpansion { // which has a problem of its own
			continue
		}
		if sum += f.expansion; sum > maxExpansion {
			f.docs, f.objects, f.plain, f.read = nil, nil, false, nil
			f.fail(fleet.Problem{Kind: "alias-bomb", Message: fmt.Sprintf(
				"the aliases of all files up to this one expand to more than %d nodes", maxExpansion)})
		}
	}
}

// readLists takes over what the kustomization files list, and reads what is read for their sake.
func (t *tree) readLists(lists listGraph) {
	t.lists, t.listed = lists, map[string]*file{}
	for p := range lists.manifests {
		t.readListed(p)
	}
	for p, f := range t.files { // what Flux takes from a folder without a kustomization file
		if f.inChart() && slices.ContainsFunc(lists.paths, func(dir string) bool {
			return strings.HasPrefix(p, dir+"/")
		}) {
			t.readListed(p)
		}
	}
	for _, source := range lists.secrets {
		t.readSecretSource(source)
	}
}

// readListed reads a file as YAML that its name or its folder does not show to be one.
func (t *tree) readListed(p string) {
	f := t.files[p]
	if f == nil || f.symlink || f.unread || f.isYAML && !f.inChart() {
		return
	}
	listed := newFile(p, false)
	listed.tree, listed.isYAML, listed.data, listed.hash = t, true, f.text(), f.hash
	listed.safely((*file).parse)
	t.listed[p] = listed
}

// readSecretSource looks at what a secretGenerator makes a Secret of: each leaf, and where none tells, the file as
// a whole.
func (t *tree) readSecretSource(source secretSource) {
	f := t.files[source.file]
	if f == nil || f.symlink || f.unread || len(f.sources) > 0 {
		return
	}
	data, err := t.read(f.path, f.limit())
	if err != nil {
		return // the build says so
	}
	kind := "file"
	if source.key == "" {
		kind = "envs"
	}
	known, isEncrypted := f.valueFields()
	add := func(index int, values []fleet.Value) {
		for i := range values {
			if values[i].In == "file" && values[i].Field == nil {
				values[i].Field = []any{source.key}
			}
		}
		values = slices.DeleteFunc(values, func(v fleet.Value) bool {
			return known[fmt.Sprintf("%d %q", index, v.Field)]
		})
		if len(values) > 0 {
			f.sources = append(f.sources, fleet.Document{Index: index, Values: values})
		}
	}
	if kind == "file" && f.isYAML && !f.broken {
		_ = eachNode(data, func(index int, root *yaml.Node) {
			add(index, secret.Others(secret.Encryption(root), secret.Leaves(root)))
		})
		if len(f.sources) > 0 || isEncrypted {
			return
		}
	}
	values, encryption := secret.Literals(data, kind)
	if kind == "file" && f.isYAML { // what its leaves have not told
		values = slices.DeleteFunc(values, func(v fleet.Value) bool { return v.In != "file" })
	}
	if add(-1, values); encryption != nil && !isEncrypted {
		f.sources = append(f.sources, fleet.Document{Index: -1, Encryption: encryption})
	}
}

// valueFields are the places of the values that are known of a file already, and whether one of its documents has
// metadata of SOPS.
func (f *file) valueFields() (known map[string]bool, isEncrypted bool) {
	known = map[string]bool{}
	for _, d := range f.facts() {
		for _, v := range d.Values {
			if v.In != "beside" {
				known[fmt.Sprintf("%d %q", d.Index, v.Field)] = true
			}
		}
		isEncrypted = isEncrypted || d.Encryption != nil
	}
	return known, isEncrypted
}

// maxExcluded is how many files that are left out are counted: they may be left out because they are many.
const maxExcluded = 10_000

// leaveOut counts a file that is left out. A folder is walked for the sake of its files.
func (t *tree) leaveOut(d fs.DirEntry, err error) error {
	if err != nil || t.excluded >= maxExcluded {
		return skip(d)
	}
	if !d.IsDir() {
		t.excluded++
	}
	return nil
}

func skip(d fs.DirEntry) error {
	if d != nil && d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// file is the file at p, as kustomize reads it where a kustomization file lists it; nil where there is none.
func (t *tree) file(p string) *file {
	if f := t.listed[p]; f != nil {
		return f
	}
	return t.files[p]
}

// inChart tells that the file is taken for a template because it lies in a chart.
func (f *file) inChart() bool { return f.isYAML && f.read != nil && f.class != f.read.Class }

// newFile is a regular file, or a symbolic link.
func newFile(p string, symlink bool) *file {
	return &file{path: p, symlink: symlink, isYAML: isYAMLName(p), broken: symlink, class: fleet.Text}
}

// listAgain lists what another tree has: its files as they were looked at, and parsed if they were.
func (t *tree) listAgain(other *tree) {
	t.paths, t.dirs, t.files = other.paths, other.dirs, make(map[string]*file, len(other.files))
	all := make([]file, len(other.files))
	for p, old := range other.files {
		f := &all[len(t.files)]
		*f = file{tree: t, path: p, symlink: old.symlink, state: old.state, isYAML: old.isYAML, class: old.class,
			unread: old.unread, hash: old.hash,
			read: old.read, problems: old.problems, exceptions: old.exceptions, lists: old.lists, broken: old.broken,
			plain: old.plain, objects: old.objects,
			expansion: old.expansion}
		switch {
		case f.read == nil:
		case f.class == f.read.Class: // without what a generator reads of it
			f.docs, f.whole = f.read.Documents, f.read.Whole
		default: // of a chart
			f.whole = old.whole
		}
		t.files[p] = f
	}
}

func (t *tree) add(p string, f *file) {
	f.tree, t.files[p] = t, f
	t.paths = append(t.paths, p)
	t.list(p)
}

func (t *tree) list(p string) {
	t.dirs[path.Dir(p)] = append(t.dirs[path.Dir(p)], p)
}

func (t *tree) isDir(p string) bool {
	_, ok := t.dirs[p]
	return ok
}

// eachFile does something with every file, all cores at once. A panic on what is in a file is a
// problem of that file alone.
func (t *tree) eachFile(ctx context.Context, do func(*file)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for part := range slices.Chunk(t.paths, 64) {
		g.Go(func() error {
			for _, p := range part {
				if err := ctx.Err(); err != nil {
					return err
				}
				t.files[p].safely(do)
			}
			return nil
		})
	}
	return g.Wait()
}

func (f *file) safely(do func(*file)) {
	defer func() {
		if recover() != nil { // what it says may quote the file
			f.docs = nil
			f.fail(fleet.Problem{Kind: "unreadable", Message: "the file cannot be read: the reader gave up"})
		}
	}()
	do(f)
}

// look reads a file, unless an earlier run has seen it as it is. source-controller leaves symbolic links out of the
// artifact (fluxcd/pkg artifact/storage/archive.go), and following one could leave the tree.
func (f *file) look() {
	if f.broken {
		return
	}
	if old, ok := f.tree.versions[f.path]; ok && f.state != "" && old.State == f.state {
		f.hash = old.Hash
		return
	}
	data, err := f.tree.read(f.path, f.limit())
	switch {
	case err != nil && !f.isYAML: // nothing that Flux applies depends on it; a generator that reads it says so
		f.hash, f.state, f.unread = "unreadable", "", true
	case errors.Is(err, errTooLarge):
		f.fail(fleet.Problem{Kind: "too-large", Message: fmt.Sprintf(
			"the file is larger than %d MiB, which is more than is read", maxYAML>>20)})
	case err != nil:
		f.fail(unreadable(err))
	case f.isYAML:
		f.data, f.hash = decodeText(data), hash(data)
	default:
		f.hash = hash(data)
		f.searchKeys(data)
		f.read = f.reading()
	}
}

func (f *file) limit() int64 {
	if f.isYAML {
		return maxYAML
	}
	return maxText
}

// text is the content of a file that was looked at; nil where it is another one by now.
func (f *file) text() []byte {
	f.load.Do(func() {
		if f.data != nil || f.tree == nil {
			return
		}
		data, err := f.tree.read(f.path, f.limit())
		if err != nil || hash(data) != f.hash {
			f.tree.changed.Store(true)
			return
		}
		if f.data = data; f.isYAML {
			f.data = decodeText(data)
		}
	})
	return f.data
}

// parseOnce reads the documents of a file, unless an earlier run has read the same content.
func (f *file) parseOnce(charts *sync.Map) {
	if f.unread || f.symlink || f.read != nil {
		return
	}
	if !f.isYAML {
		f.tree.readOnce(f, func() { f.searchKeys(f.text()) })
		return
	}
	f.tree.readOnce(f, func() {
		f.text()
		f.parse()
		if !holdsKey(f.docs) { // not in what was read: in a comment, or where reading ended
			f.whole = privateKeyIn(f.text())
		}
		if f.whole == nil && !f.tells() {
			f.whole = tellingIn(secret.Comments(f.text()))
		}
		if f.lists != nil && len(f.lists.Patches)+len(f.lists.PatchesStrategicMerge) > 0 {
			go parseSchema() // meanwhile: the build will need it
		}
	})
	if inChart(f.path, f.tree, charts) {
		if holdsKey(f.docs) {
			f.whole = privateKeyIn(f.text())
		}
		f.class, f.problems, f.docs, f.broken = fleet.Template, nil, nil, true
	}
}

// searchKeys looks for a private key, a token, an address with a password, kubeconfigs and what SOPS has encrypted
// in a file that is no YAML.
func (f *file) searchKeys(data []byte) {
	if f.whole = tellingIn(data); f.whole == nil && bytes.Contains(data, []byte("Config")) &&
		kubeconfigKind.Match(data) && utf8.Valid(data) {
		docs, _, _, _ := parseDocuments(f.path, data)
		f.docs = slices.DeleteFunc(docs, func(d document) bool { return len(d.Values) == 0 })
	}
	if encryption, values := encryptionOf(data); encryption != nil {
		if f.whole == nil {
			f.whole = &fleet.Document{Index: -1, Values: values}
		}
		f.whole.Encryption = encryption
	}
}

// sopsMark finds what may be encrypted by SOPS in another format than YAML.
var sopsMark = regexp.MustCompile(`(?m)^sops_mac=|^\[sops\]|"sops"\s*:`)

// encryptionOf is the state of a file that is no YAML and has metadata of SOPS, and what else is to be told of it.
func encryptionOf(data []byte) (*fleet.Encryption, []fleet.Value) {
	if !bytes.Contains(data, []byte("sops")) || !sopsMark.Match(data) {
		return nil, nil
	}
	values, encryption := secret.Literals(data, "file")
	if encryption == nil {
		return nil, nil
	}
	return encryption, slices.DeleteFunc(values, func(v fleet.Value) bool { return v.In == "file" })
}

// privateKeyIn is a text with a private key as one value; nil where there is no key.
func privateKeyIn(data []byte) *fleet.Document {
	if _, found := secret.HasPrivateKey(data); !found {
		return nil
	}
	class, length := secret.Classify("", string(data))
	return &fleet.Document{Index: -1, Values: []fleet.Value{{Field: []any{}, In: "file", Class: class, Length: length}}}
}

// tellingIn is a text that shows by itself what is secret in it as one value; nil where it shows nothing.
func tellingIn(data []byte) *fleet.Document {
	_, class, found := secret.Telling(data)
	if !found {
		return nil
	}
	return &fleet.Document{Index: -1, Values: []fleet.Value{
		{Field: []any{}, In: "file", Class: class, Length: len(data)}}}
}

// tells is true where one of the documents has what a comment could have too.
func (f *file) tells() bool {
	return slices.ContainsFunc(f.docs, func(d document) bool {
		return slices.ContainsFunc(d.Values, func(v fleet.Value) bool {
			return v.Class == fleet.Key || v.Class == fleet.Token || v.Class == fleet.Address
		})
	})
}

// holdsKey tells whether one of the documents has a private key.
func holdsKey(docs []document) bool {
	return slices.ContainsFunc(docs, func(d document) bool {
		return slices.ContainsFunc(d.Values, func(v fleet.Value) bool { return v.Class == fleet.Key })
	})
}

// kubeconfigKind finds a kubeconfig in a file that is not called YAML: admin.conf, kubeconfig.
var kubeconfigKind = regexp.MustCompile(`(?m)^kind: *"?Config"?[ \t]*\r?$`)

var errTooLarge = errors.New("the file is too large")

// read reads a file, at most limit bytes of it: more is errTooLarge. What is read is bounded too, because a file can
// grow.
func (t *tree) read(name string, limit int64) ([]byte, error) {
	f, err := t.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, errTooLarge
	}
	data := make([]byte, 0, info.Size()+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			return nil, errTooLarge
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return nil, err
		case len(data) == cap(data):
			data = slices.Grow(data, len(data))
		}
	}
}

func (f *file) fail(p fleet.Problem) {
	f.hash, f.state, f.unread = p.Kind+": "+p.Message, "", true
	f.class = fleet.Data
	f.problems = append(f.problems, p)
	f.broken = true
}

// parse reads the documents and says what keeps them from being read.
func (f *file) parse() {
	f.class = fleet.Data
	if isKustomizeName(f.path) {
		f.class = fleet.KustomizeFile
	}
	if !utf8.Valid(f.data) {
		line := 1 + bytes.Count(f.data[:invalidAt(f.data)], []byte("\n"))
		f.problems = append(f.problems, fleet.Problem{Kind: "encoding", Message: notUTF8(f.data), Line: line,
			Column: 1})
		f.broken = true
		return
	}
	f.exceptions = commentExceptions(f.data)
	f.docs, f.problems, f.lists, f.expansion = parseDocuments(f.path, f.data)
	if f.plain = f.isPlain(); f.plain {
		for _, d := range f.docs {
			f.objects = append(f.objects, d.decoded)
		}
	}
	for i := range f.docs {
		f.docs[i].decoded = decodedObject{}
	}
	for _, p := range f.problems {
		f.broken = f.broken || p.Kind != "duplicate-key"
	}
	for _, d := range f.docs {
		if d.APIVersion != "" && d.Kind != "" && f.class == fleet.Data {
			f.class = fleet.Manifest
		}
		f.exceptions = append(f.exceptions, d.Exceptions...)
	}
	if f.broken && hasDirectives(f) {
		f.class, f.docs = fleet.Template, nil
		if rendersTo(f.data) {
			f.problems = nil
		}
	}
	if f.broken && f.class == fleet.Data && looksLikeManifest.Match(f.data) {
		f.class = fleet.Manifest
	}
}

func notUTF8(data []byte) string {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return "the file is UTF-16 with several documents or faults, of which kustomize reads the first document alone"
	}
	return "the file is not UTF-8"
}

func invalidAt(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}

// looksLikeManifest finds a file that is meant to hold Kubernetes objects although it does not parse.
var looksLikeManifest = regexp.MustCompile(`(?m)^apiVersion:[^\n]*(?:\n[^\n]*){0,3}?\nkind:|^kind:[^\n]*\napiVersion:`)

// hasDirectives tells a file that may become YAML when something renders it: it does not parse, and holds template
// directives. Whether they are what is wrong rendersTo tells.
func hasDirectives(f *file) bool {
	return len(f.problems) > 0 && f.problems[0].Kind == "syntax" &&
		(bytes.Contains(f.data, []byte("{{")) || bytes.Contains(f.data, []byte("{%")) ||
			bytes.Contains(f.data, []byte("#%")))
}

// inChart tells a file in a Helm chart's templates/, which Helm renders.
func inChart(name string, t *tree, charts *sync.Map) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if path.Base(dir) != "templates" {
			continue
		}
		chart := path.Dir(dir)
		known, ok := charts.Load(chart)
		if !ok {
			_, known = t.files[path.Join(chart, "Chart.yaml")]
			charts.Store(chart, known)
		}
		if known == true {
			return true
		}
	}
	return false
}

func unreadable(err error) fleet.Problem {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		err = perr.Err // the path is told by the finding's place
	}
	return fleet.Problem{Kind: "unreadable", Message: fmt.Sprintf("the file cannot be read: %v", err)}
}

func isYAMLName(p string) bool {
	switch strings.ToLower(path.Ext(p)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return path.Base(p) == "Kustomization"
}

// isKustomizeName tells the names that kustomize recognises: api/konfig/general.go RecognizedKustomizationFileNames.
func isKustomizeName(p string) bool {
	switch path.Base(p) {
	case "kustomization.yaml", "kustomization.yml", "Kustomization":
		return true
	}
	return false
}

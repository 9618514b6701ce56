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
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-dev/rollcall/internal/fleet"
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
	// kept is what the last run made of the files.
	kept map[string]*reading
}

// file is one regular file, or a symbolic link.
type file struct {
	path    string
	symlink bool
	isYAML  bool
	class   fleet.FileClass
	// data is the content, kept for the builds; nil where it was not read.
	data []byte
	// hash is that of the content, in hexadecimal; another text where it could not be read.
	hash string
	// read is what the content alone has come to.
	read       *reading
	docs       []document
	problems   []fleet.Problem
	exceptions []fleet.Exception
	// lists are the files that a kustomization file names.
	lists *kustomizeLists
	// broken: nothing can be built from the file.
	broken bool
	// plain: kustomize takes the documents as they are. objects are those of a plain file, decode sees to them.
	plain   bool
	objects []decodedObject
	decode  sync.Once
}

func (f *file) fact(reachedBy []string) fleet.File {
	out := fleet.File{
		Path: f.path, Class: f.class, ReachedBy: reachedBy,
		Problems: f.problems, Exceptions: f.exceptions, Documents: make([]fleet.Document, 0, len(f.docs)),
	}
	for _, d := range f.docs {
		out.Documents = append(out.Documents, d.Document)
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

func newTree(fsys fs.FS, cache Cache) *tree {
	t := &tree{fsys: fsys, files: map[string]*file{}, dirs: map[string][]string{}}
	if cache != nil {
		cache.Get("documents", &t.kept)
	}
	return t
}

// readAll walks the tree and reads its files, all cores at once.
func (t *tree) readAll(ctx context.Context, opts Options) error {
	excluded, err := globs(opts.Exclude)
	if err != nil {
		return err
	}
	err = fs.WalkDir(t.fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if p != "." && excluded(p) || d != nil && d.IsDir() && d.Name() == ".git" {
			return skip(d)
		}
		if err != nil {
			if p == "." {
				return err
			}
			t.add(p, &file{path: p, hash: "unreadable", class: fleet.Text, problems: []fleet.Problem{unreadable(err)}, broken: true})
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
		t.add(p, &file{path: p, symlink: symlink, isYAML: isYAMLName(p)})
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the tree: %w", err)
	}
	if err := t.readFiles(ctx); err != nil {
		return err
	}
	if opts.Cache != nil {
		t.keepReadings(opts.Cache)
	}
	t.lists = newListGraph(t)
	for _, source := range t.lists.secrets {
		t.readSecretSource(source)
	}
	return nil
}

// readSecretSource looks at a file that a secretGenerator reads. A YAML file has been looked at as such.
func (t *tree) readSecretSource(source secretSource) {
	f := t.files[source.file]
	if f == nil || f.isYAML || f.symlink || len(f.docs) > 0 {
		return
	}
	data, err := t.read(f.path, maxText)
	if err != nil {
		return // the build says so
	}
	values := secret.Literals(data, "envs")
	if source.key != "" {
		values = secret.Literals(data, "file")
		for i := range values {
			values[i].Field = []any{source.key}
		}
	}
	if len(values) > 0 {
		f.docs = []document{{Document: fleet.Document{Values: values}}}
	}
}

func skip(d fs.DirEntry) error {
	if d != nil && d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

func (t *tree) add(p string, f *file) {
	t.files[p] = f
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

// readFiles reads and parses every file. fs.WalkDir is lexical within a folder, not over whole paths, so the order is
// settled here.
func (t *tree) readFiles(ctx context.Context) error {
	sortPaths(t.paths)
	var charts sync.Map // folder → whether it is a Helm chart's
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	const batch = 64
	for start := 0; start < len(t.paths); start += batch {
		part := t.paths[start:min(start+batch, len(t.paths))]
		g.Go(func() error {
			for _, p := range part {
				if err := ctx.Err(); err != nil {
					return err
				}
				t.readFileSafely(t.files[p], &charts)
			}
			return nil
		})
	}
	return g.Wait()
}

// readFileSafely reads a file; a panic on what is in it is a problem of that file alone.
func (t *tree) readFileSafely(f *file, charts *sync.Map) {
	defer func() {
		if recover() != nil { // what it says may quote the file
			f.docs = nil
			f.fail(fleet.Problem{Kind: "unreadable", Message: "the file cannot be read: the reader gave up"})
		}
	}()
	t.readFile(f, charts)
}

func (t *tree) readFile(f *file, charts *sync.Map) {
	if f.broken {
		return
	}
	f.class = fleet.Text
	switch {
	case f.symlink:
		// source-controller leaves symbolic links out of the artifact (fluxcd/pkg artifact/storage/archive.go), and
		// following one could leave the tree.
		f.broken = true
		return
	case !f.isYAML:
		t.readText(f)
		return
	}
	data, err := t.read(f.path, maxYAML)
	switch {
	case errors.Is(err, errTooLarge):
		f.fail(fleet.Problem{Kind: "too-large", Message: fmt.Sprintf("the file has more than the %d MiB that are read of one", maxYAML>>20)})
		return
	case err != nil:
		f.fail(unreadable(err))
		return
	}
	f.data, f.hash = data, hash(data)
	t.readOnce(f, func() {
		f.parse()
		if f.lists != nil && len(f.lists.Patches)+len(f.lists.PatchesStrategicMerge) > 0 {
			go parseSchema() // meanwhile: the build will need it
		}
	})
	if f.broken && f.class == fleet.Template || inChart(f.path, t, charts) {
		f.class, f.problems, f.docs, f.broken = fleet.Template, nil, nil, true
	}
}

// readText reads a file that is no YAML.
func (t *tree) readText(f *file) {
	data, err := t.read(f.path, maxText)
	if err != nil {
		f.hash = "unreadable"
		return // nothing that Flux applies depends on it; a generator that reads it says so
	}
	f.hash = hash(data)
	t.readOnce(f, func() { f.searchKeys(data) })
}

// searchKeys looks for private keys and kubeconfigs.
func (f *file) searchKeys(data []byte) {
	if _, found := secret.HasPrivateKey(data); found {
		values := secret.Literals(data, "file")
		for i := range values {
			values[i].Field = []any{} // the whole file
		}
		f.docs = []document{{Document: fleet.Document{Values: values}}}
	} else if kubeconfigKind.Match(data) && utf8.Valid(data) {
		docs, _, _ := parseDocuments(f.path, data)
		f.docs = slices.DeleteFunc(docs, func(d document) bool { return len(d.Values) == 0 })
	}
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
	f.hash = p.Kind
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
		f.problems = append(f.problems, fleet.Problem{Kind: "encoding", Message: "the file is not UTF-8", Line: line, Column: 1})
		f.broken = true
		return
	}
	f.exceptions = commentExceptions(f.data)
	f.docs, f.problems, f.lists = parseDocuments(f.path, f.data)
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
		f.class = fleet.Template
	}
	if f.broken && f.class == fleet.Data && looksLikeManifest.Match(f.data) {
		f.class = fleet.Manifest
	}
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

// hasDirectives tells a file that only becomes YAML when something renders it: it does not parse, and holds template
// directives.
func hasDirectives(f *file) bool {
	return len(f.problems) > 0 && f.problems[0].Kind == "syntax" &&
		(bytes.Contains(f.data, []byte("{{")) || bytes.Contains(f.data, []byte("{%")) || bytes.Contains(f.data, []byte("#%")))
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

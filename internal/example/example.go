// Package example reads the rules' examples, testdata/rules/<id>.txtar: small trees that break a rule and trees that do
// not, for the rules' tests and their documentation.
//
// The files of one tree share a top folder whose name starts with "broken" or "healthy". What is wrong is said on the
// line where it is found:
//
//	replicas: 3 # want rule-id "part of the message"
//
// Several texts are of several messages; a second "# want" is of another rule. "# want-file", on a file's first line,
// is about the file as a whole. The trees are without these words.
package example

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// Tree is one variant of an example.
type Tree struct {
	// Name is the top folder's.
	Name  string
	Files fstest.MapFS
	Wants []Want
}

// Want is what findings of one rule are to say at one line.
type Want struct {
	File string
	// Line counts from 1; 0 is the file as a whole.
	Line int
	Rule string
	// Texts are each a part of the message of one finding.
	Texts []string
}

// Broken says that something is wrong with the tree.
func (t Tree) Broken() bool { return strings.HasPrefix(t.Name, "broken") }

// ReadAll reads the examples in a folder, by the IDs of the rules that they are for. That there is none is an error.
func ReadAll(dir string) (map[string][]Tree, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no examples in %s", dir)
	}
	all := map[string][]Tree{}
	for _, name := range names {
		archive, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		trees, err := Parse(archive)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".txtar")] = trees
	}
	return all, nil
}

// Copy are the files of a folder.
func Copy(folder fs.FS) (fstest.MapFS, error) {
	files := fstest.MapFS{}
	return files, fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(folder, name)
		files[name] = &fstest.MapFile{Data: data}
		return err
	})
}

// Parse reads a txtar archive; the trees are in the archive's order.
func Parse(archive []byte) ([]Tree, error) {
	var trees []Tree
	for _, file := range txtar.Parse(archive).Files {
		top, name, ok := strings.Cut(file.Name, "/")
		if !ok || !strings.HasPrefix(top, "broken") && !strings.HasPrefix(top, "healthy") || !fs.ValidPath(name) {
			return nil, fmt.Errorf("%s: must be below broken/ or healthy/", file.Name)
		}
		i := slices.IndexFunc(trees, func(t Tree) bool { return t.Name == top })
		if i < 0 {
			i = len(trees)
			trees = append(trees, Tree{Name: top, Files: fstest.MapFS{}})
		}
		data, wants, err := cutWants(name, file.Data)
		if err != nil {
			return nil, fmt.Errorf("%s:%w", file.Name, err)
		}
		trees[i].Files[name] = &fstest.MapFile{Data: data}
		trees[i].Wants = append(trees[i].Wants, wants...)
	}
	for _, t := range trees {
		if t.Broken() != (len(t.Wants) > 0) {
			return nil, fmt.Errorf("%s: a broken tree wants findings, a healthy one none", t.Name)
		}
	}
	return trees, nil
}

var (
	wantForm = regexp.MustCompile(`[ \t]*# want(-file)? ([a-z0-9-]+)((?: +"(?:[^"\\]|\\.)*")+)[ \t]*$`)
	textForm = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
)

func cutWants(name string, data []byte) ([]byte, []Want, error) {
	var wants []Want
	lines := strings.SplitAfter(string(data), "\n")
	for i := range lines {
		line := strings.TrimSuffix(lines[i], "\n")
		ending := lines[i][len(line):]
		for m := wantForm.FindStringSubmatch(line); m != nil; m = wantForm.FindStringSubmatch(line) {
			want := Want{File: name, Line: i + 1, Rule: m[2]}
			if m[1] != "" {
				want.Line = 0
			}
			for _, quoted := range textForm.FindAllString(m[3], -1) {
				text, err := strconv.Unquote(quoted)
				if err != nil {
					return nil, nil, fmt.Errorf("%d: %s: %w", i+1, quoted, err)
				}
				want.Texts = append(want.Texts, text)
			}
			wants = append(wants, want)
			line = strings.TrimSuffix(line, m[0])
		}
		if strings.Contains(line, "# want") {
			return nil, nil, fmt.Errorf(`%d: a want is written # want rule-id "text"`, i+1)
		}
		lines[i] = line + ending
	}
	return []byte(strings.Join(lines, "")), wants, nil
}

// today is the day on which examples are judged.
const today = "2026-01-01"

// Check judges the example of a rule: it lints the tree as the command does, or, where the rule makes sense
// at admission alone, admits each object onto the rest. The tree's configuration may give rules other
// severities than the engine.
func Check(ctx context.Context, e *engine.Engine, rule engine.Rule, tree Tree) ([]fleet.Finding, error) {
	if rule.Admission != engine.AdmissionOnly {
		return Lint(ctx, e, tree)
	}
	e, f, err := Build(ctx, e, tree)
	if err != nil {
		return nil, err
	}
	judgement, err := e.Judge(ctx, f)
	if err != nil {
		return nil, err
	}
	var all []fleet.Finding
	for _, s := range f.Subjects() {
		if s.Input.Object == nil {
			continue
		}
		found, err := judgement.Introduced(ctx, engine.Change{Object: s.Object, After: s.Input.Object})
		if err != nil {
			return nil, err
		}
		all = append(all, slices.DeleteFunc(found, func(finding fleet.Finding) bool {
			return finding.Rule != rule.ID
		})...)
	}
	loader.Locate(tree.Files, all)
	return all, nil
}

// Lint lints a tree as the command does, with the engine unless the tree's configuration gives rules other severities.
func Lint(ctx context.Context, e *engine.Engine, tree Tree) ([]fleet.Finding, error) {
	e, f, err := Build(ctx, e, tree)
	if err != nil {
		return nil, err
	}
	found, err := e.Check(ctx, f)
	if err != nil {
		return nil, err
	}
	loader.Locate(tree.Files, found)
	return found, nil
}

// Build reads a tree as the command does, and the webhook: with the engine unless the tree's configuration
// gives rules other severities.
func Build(ctx context.Context, e *engine.Engine, tree Tree) (*engine.Engine, *fleet.Fleet, error) {
	c, err := config.Read(tree.Files, config.Name)
	if err != nil {
		return nil, nil, err
	}
	if len(c.Rules) > 0 {
		if e, err = engine.New(ctx, engine.Options{Severities: c.Rules}); err != nil {
			return nil, nil, err
		}
	}
	contents, err := loader.Read(ctx, tree.Files, loader.Options{Exclude: c.Exclude, Recipients: c.AllowedRecipients()})
	if err != nil {
		return nil, nil, err
	}
	read, err := contents.Follow(ctx)
	if err != nil {
		return nil, nil, err
	}
	declared := c.Declared()
	declared.Date, declared.Follower = today, contents.Follower()
	return e, fleet.Build(read, declared), nil
}

// Message is what a rule says of a fault in one of its examples, and what to do about it.
type Message struct {
	Rule     string         `json:"rule"`
	Severity fleet.Severity `json:"severity"`
	Message  string         `json:"message"`
	Fix      string         `json:"fix"`
}

// Messages are all that the rules say of their own examples in a folder, each once, in the order
// of the rules and the trees.
func Messages(ctx context.Context, e *engine.Engine, dir string) (all []Message, err error) {
	examples, err := ReadAll(dir)
	if err != nil {
		return nil, err
	}
	for _, rule := range e.Rules() {
		for _, tree := range examples[rule.ID] {
			found, err := Check(ctx, e, rule, tree)
			if err != nil {
				return nil, fmt.Errorf("%s/%s: %w", rule.ID, tree.Name, err)
			}
			for _, f := range found {
				m := Message{Rule: f.Rule, Severity: f.Severity, Message: f.Message, Fix: f.Fix}
				if f.Rule == rule.ID && !slices.Contains(all, m) {
					all = append(all, m)
				}
			}
		}
	}
	return all, nil
}

// Compare says which wants are not found and which findings are not wanted.
func Compare(wants []Want, found []fleet.Finding) []string {
	var differences []string
	at := func(w Want, f fleet.Finding) bool {
		return f.Rule == w.Rule && f.Place.File == w.File && f.Place.Line == w.Line
	}
	for _, w := range wants {
		for _, text := range w.Texts {
			if !slices.ContainsFunc(found, func(f fleet.Finding) bool {
				return at(w, f) && strings.Contains(f.Message, text)
			}) {
				differences = append(differences, fmt.Sprintf("not found: %s:%d %s %q", w.File, w.Line, w.Rule, text))
			}
		}
	}
	for _, f := range found {
		if !slices.ContainsFunc(wants, func(w Want) bool {
			return at(w, f) && slices.ContainsFunc(w.Texts, func(text string) bool {
				return strings.Contains(f.Message, text)
			})
		}) {
			differences = append(differences, fmt.Sprintf("not wanted: %s:%d %s %q", f.Place.File, f.Place.Line, f.Rule,
				f.Message))
		}
	}
	return differences
}

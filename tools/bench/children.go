//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	sigsyaml "sigs.k8s.io/yaml"
	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// children are what this program does when it starts itself: the name, what it needs, and the arguments it takes.
var children = map[string]func(ctx context.Context, args []string, out io.Writer) error{
	"survey":    surveyTree,    // ROLLCALL DIR SCRATCH
	"parse":     parseTree,     // DIR
	"kustomize": kustomizeTree, // DIR PATHS
}

// What survey writes into its folder: the files that parse, and a file with one path a line.
const (
	readable = "readable"
	paths    = "paths"
)

// survey is what is to be known of a tree before it is measured.
type survey struct {
	// Files counts the YAML and JSON files, Readable those that parse, Paths what Flux Kustomizations build.
	Files, Readable, Paths int
	// Changed is the manifest that an editor changes, below the root, with slashes, and Text its text.
	Changed string
	Text    []byte
}

// facts are the part of what rollcall facts prints that matters here.
type facts struct {
	Kustomizations map[string]struct {
		Path       string
		Build      string
		Incomplete []any
	}
	Files map[string]struct {
		Class     string
		ReachedBy []string
	}
}

func surveyTree(ctx context.Context, args []string, out io.Writer) error {
	rollcall, dir, scratch := args[0], args[1], args[2]
	var s survey
	err := eachFile(ctx, dir, func(name string) error {
		s.Files++
		text, err := os.ReadFile(name)
		if err != nil || !parses(text) {
			return err
		}
		s.Readable++
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		target := filepath.Join(scratch, readable, rel)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	})
	if err != nil {
		return err
	}
	var f facts
	text, err := exec.CommandContext(ctx, rollcall, "facts", "--no-cache", "--root", dir, dir).Output()
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		return fmt.Errorf("rollcall facts: %w", err)
	}
	built := map[string]bool{}
	for _, k := range f.Kustomizations {
		if k.Build == "found" && len(k.Incomplete) == 0 {
			built[k.Path] = true
		}
	}
	var manifests []string
	for name, file := range f.Files {
		if file.Class == "manifest" && len(file.ReachedBy) > 0 {
			manifests = append(manifests, name)
		}
	}
	if slices.Sort(manifests); len(manifests) > 0 {
		s.Changed = manifests[len(manifests)/2]
		if s.Text, err = os.ReadFile(filepath.Join(dir, filepath.FromSlash(s.Changed))); err != nil {
			return err
		}
	}
	s.Paths = len(built)
	list := strings.Join(slices.Sorted(maps.Keys(built)), "\n")
	if err := os.WriteFile(filepath.Join(scratch, paths), []byte(list), 0o644); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(s)
}

// parses tells whether conftest can read a text: it cuts it into documents and parses each by sigs.k8s.io/yaml.
//
// Source: open-policy-agent/conftest v0.71.1 parser/yaml/yaml.go.
func parses(text []byte) bool {
	newline := "\n"
	if bytes.Contains(text, []byte("\r\n")) {
		newline = "\r\n"
	}
	documents := bytes.Split(text, []byte(newline+"---"+newline))
	if bytes.HasPrefix(text, []byte("%")) {
		documents = [][]byte{text}
	}
	return !slices.ContainsFunc(documents, func(document []byte) bool {
		var v any
		return sigsyaml.Unmarshal(document, &v) != nil
	})
}

// eachFile calls do for every YAML and JSON file below dir, in order.
func eachFile(ctx context.Context, dir string, do func(name string) error) error {
	return filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case entry.IsDir() && entry.Name() == ".git":
			return fs.SkipDir
		case !entry.Type().IsRegular() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)):
			return nil
		}
		return do(name)
	})
}

// parseTree reads every file and parses its documents, on all cores and with the loader's parser, and keeps the result
// of one file at a time. What does not parse counts as parsed.
func parseTree(ctx context.Context, args []string, _ io.Writer) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	walk := eachFile(ctx, args[0], func(name string) error {
		group.Go(func() error {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			decoder := yaml.NewDecoder(bytes.NewReader(text))
			for {
				var document yaml.Node
				if err := decoder.Decode(&document); err != nil {
					return nil // the end, or no YAML
				}
			}
		})
		return nil
	})
	return errors.Join(walk, group.Wait())
}

// kustomizeTree builds every path and drops the result. A path without a kustomization file gets one as Flux writes it.
func kustomizeTree(ctx context.Context, args []string, _ io.Writer) error {
	list, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	openapi.Schema() // kustomize keeps it in a global
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for dir := range strings.Lines(string(list)) {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			disk := filesys.MakeFsOnDisk()
			root, _, err := disk.CleanedAbs(filepath.Join(args[0], strings.TrimSpace(dir)))
			if err != nil {
				return err
			}
			on := generated{FileSystem: disk, dir: root.String()}
			k := krusty.MakeKustomizer(&krusty.Options{LoadRestrictions: types.LoadRestrictionsNone,
				PluginConfig: types.DisabledPluginConfig()})
			if _, err := k.Run(on, on.dir); err != nil {
				return fmt.Errorf("build %s: %w", on.dir, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// generated is the disk, with a kustomization.yaml in a folder that has no kustomization file.
type generated struct {
	filesys.FileSystem
	dir string
}

var kustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

func (g generated) ReadFile(name string) ([]byte, error) {
	text, err := g.FileSystem.ReadFile(name)
	if filepath.Dir(name) != g.dir || path.Base(name) != kustomizationNames[0] || hasKustomization(g.dir) {
		return text, err
	}
	return g.generate()
}

func hasKustomization(dir string) bool {
	return slices.ContainsFunc(kustomizationNames, func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.Mode().IsRegular()
	})
}

// generate lists the manifests below the folder, and the folders that have a kustomization file of their own.
//
// Source: fluxcd/pkg kustomize/kustomize_generator.go generateKustomization.
func (g generated) generate() ([]byte, error) {
	k := types.Kustomization{TypeMeta: types.TypeMeta{APIVersion: types.KustomizationVersion,
		Kind: types.KustomizationKind}}
	err := filepath.WalkDir(g.dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == g.dir {
			return err
		}
		rel, err := filepath.Rel(g.dir, name)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && hasKustomization(name):
			k.Resources = append(k.Resources, rel)
			return fs.SkipDir
		case entry.Type().IsRegular() && slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(name)):
			if text, err := os.ReadFile(name); err == nil && bytes.Contains(text, []byte("kind:")) {
				k.Resources = append(k.Resources, rel)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sigsyaml.Marshal(k)
}

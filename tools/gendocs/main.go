// Gendocs writes the documents in docs/ that are made from the code, the rules' page and the JSON Schemas, and the list
// of the messages of all examples for the command line.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/invopop/jsonschema"

	"github.com/rollcall-dev/rollcall/internal/change"
	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/failover"
	"github.com/rollcall-dev/rollcall/internal/schema"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil { // docstrings are read by paths relative to it
		return err
	}
	documents, err := generate(ctx)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, documents[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// moduleRoot is the nearest folder at or above the working directory with a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("find the module's root: no go.mod above the working directory")
		}
		dir = up
	}
}

// generate makes all documents, by path relative to the working directory, which is the module's root.
func generate(ctx context.Context) (map[string][]byte, error) {
	comments, err := schema.ReadComments("internal/fleet", "internal/config", "internal/change", "internal/failover")
	if err != nil {
		return nil, err
	}
	documents := map[string][]byte{}
	for name, s := range map[string]*jsonschema.Schema{
		"diff": schema.Of(change.Document{}, "https://"+change.Schema+"/diff.schema.json",
			"rollcall diff -o json: "+change.Schema, comments),
		"facts": schema.Facts(comments),
		"failover": schema.Of(failover.Document{}, "https://"+failover.Schema+"/failover.schema.json",
			"rollcall failover -o json: "+failover.Schema,
			comments),
		"input":  schema.Input(comments),
		"config": schema.Of(config.Config{}, "https://rollcall.dev/config.schema.json", config.Name, comments),
	} {
		text, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("write the schema of %s: %w", name, err)
		}
		documents["docs/"+name+".schema.json"] = append(text, '\n')
	}
	e, err := engine.New(ctx, engine.Options{})
	if err != nil {
		return nil, err
	}
	if documents["docs/rules.md"], err = rulesPage(ctx, e); err != nil {
		return nil, err
	}
	messages, err := example.Messages(ctx, e, "testdata/rules")
	if err != nil {
		return nil, err
	}
	documents["internal/cli/messages.json"], err = lines(messages)
	return documents, err
}

// lines is a JSON array with one element a line.
func lines[T any](all []T) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i, element := range all {
		b.WriteString([]string{"[\n", ","}[min(i, 1)])
		if err := enc.Encode(element); err != nil {
			return nil, err
		}
	}
	b.WriteString("]\n")
	return b.Bytes(), nil
}

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// BaselineSchema names the form of the file that baseline names.
const BaselineSchema = "rollcall.dev/baseline/v1"

// maxBaseline bounds that file, in bytes.
const maxBaseline = 8 << 20

// known is a finding of the baseline.
type known struct {
	rule, identity string
	line, column   int
}

var identityForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// WithBaseline is the configuration with the findings of the file that its baseline names, in the tree that it is of.
// What is wrong with its content is one *Error or several joined.
func (c Config) WithBaseline(fsys fs.FS) (Config, error) {
	if c.Baseline == "" {
		return c, nil
	}
	info, err := fs.Stat(fsys, c.Baseline)
	if errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("read the baseline: %s does not exist; \"rollcall --write-baseline %s\" writes it",
			c.Baseline, c.Baseline)
	}
	if err != nil || !info.Mode().IsRegular() {
		return c, fmt.Errorf("read the baseline: %s is not a regular file", c.Baseline)
	}
	file, err := fsys.Open(c.Baseline)
	if err != nil {
		return c, fmt.Errorf("read the baseline: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxBaseline+1))
	if err != nil {
		return c, fmt.Errorf("read the baseline: %w", err)
	}
	if len(data) > maxBaseline {
		return c, fmt.Errorf("read the baseline: %s is larger than %d bytes", c.Baseline, maxBaseline)
	}
	c.known, err = parseBaseline(c.Baseline, data)
	return c, err
}

func parseBaseline(name string, data []byte) (all []known, err error) {
	defer func() {
		if r := recover(); r != nil { // the YAML library's parser panics on some malformed input
			all, err = nil, &Error{name, 1, 1, "is not JSON"}
		}
	}()
	var document yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&document); err != nil {
		return nil, syntaxError(name, err)
	}
	d := decoder{file: name}
	d.mapping(document.Content[0], "the baseline", map[string]func(*yaml.Node){
		"schema": func(n *yaml.Node) {
			if n.Value != BaselineSchema {
				d.fail(n, "the schema must be %q", BaselineSchema)
			}
		},
		"findings": func(n *yaml.Node) {
			d.list(n, "findings", func(_ int, n *yaml.Node) {
				k := known{line: n.Line, column: n.Column}
				d.mapping(n, "an entry of findings", map[string]func(*yaml.Node){
					"rule": d.textInto(&k.rule, "findings.rule"),
					"identity": func(n *yaml.Node) {
						if k.identity = n.Value; !identityForm.MatchString(n.Value) {
							d.fail(n, "findings.identity must be 32 hexadecimal digits")
						}
					},
					"file":    func(*yaml.Node) {},
					"message": func(*yaml.Node) {},
				})
				k.rule = secret.Message(k.rule)
				d.needs(n, "an entry of findings", map[string]string{"rule": k.rule, "identity": k.identity})
				all = append(all, k)
			})
		},
	})
	return all, d.err()
}

// WithoutBaseline is the configuration without the baseline.
func (c Config) WithoutBaseline() Config {
	c.Baseline, c.known = "", nil
	return c
}

// declaredBaseline are the findings of the baseline as exceptions.
func (c Config) declaredBaseline() (all []fleet.DeclaredException) {
	for i, k := range c.known {
		all = append(all, fleet.DeclaredException{Identity: k.identity,
			Exception: fleet.Exception{Rule: k.rule, Reason: "it is in the baseline", Document: -1,
				Line: k.line, Column: k.column, Declared: &fleet.Origin{
					File: c.Baseline, Field: []any{"findings", i}}}})
	}
	return all
}

// moreKnown counts the findings of the baseline that another one does not have.
func (c Config) moreKnown(base Config) (n int) {
	had := map[string]int{}
	for _, k := range base.known {
		had[k.rule+k.identity]++
	}
	for _, k := range c.known {
		if had[k.rule+k.identity]--; had[k.rule+k.identity] < 0 {
			n++
		}
	}
	return n
}

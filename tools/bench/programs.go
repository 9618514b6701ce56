//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"github.com/rollcall-dev/rollcall/tools/installed"
)

const (
	conftest    = "github.com/open-policy-agent/conftest@v0.71.1"
	kubeconform = "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0"
)

// policy is what conftest judges by.
const policy = `package main

deny contains "a Deployment without replicas" if {
	input.kind == "Deployment"
	not input.spec.replicas
}

deny contains "a Secret in the clear" if {
	input.kind == "Secret"
	not input.sops
}
`

// programs are the files of the programs that are measured.
type programs struct {
	rollcall, self, conftest, kubeconform string
	// policy is conftest's folder of rules.
	policy string
}

// newPrograms builds rollcall as it is released, and sees to the others.
func newPrograms(ctx context.Context, scratch string) (p programs, err error) {
	p.rollcall, p.policy = filepath.Join(scratch, "rollcall"), filepath.Join(scratch, "policy")
	if err := installed.Build(ctx, p.rollcall, "."); err != nil {
		return p, err
	}
	if p.self, err = os.Executable(); err != nil {
		return p, err
	}
	if p.conftest, err = installed.Install(ctx, conftest); err != nil {
		return p, err
	}
	if p.kubeconform, err = installed.Install(ctx, kubeconform); err != nil {
		return p, err
	}
	if err := os.Mkdir(p.policy, 0o755); err != nil {
		return p, err
	}
	return p, os.WriteFile(filepath.Join(p.policy, "policy.rego"), []byte(policy), 0o644)
}

// survey looks at a tree in a process of its own, which writes what is measured with into the folder scratch.
func (p programs) survey(ctx context.Context, dir, scratch string) (s survey, err error) {
	var out bytes.Buffer
	if err := installed.Run(ctx, &out, nil, p.self, "survey", p.rollcall, dir, scratch); err != nil {
		return s, err
	}
	return s, json.Unmarshal(out.Bytes(), &s)
}

// subjects are what is measured on a tree.
func (p programs) subjects(dir string, s survey, scratch string) []subject {
	lint := []string{p.rollcall, "--fail-on", "never", "-o", "json"}
	cold, warm := slices.Concat(lint, []string{"--no-cache"}),
		slices.Concat(lint, []string{"--cache-dir", filepath.Join(scratch, "cache")})
	all := []subject{
		{name: "rollcall, cold", command: slices.Concat(cold, []string{dir})},
		{name: "rollcall, warm", command: slices.Concat(warm, []string{dir}), warmUp: true},
	}
	if s.Changed != "" {
		all = append(all, subject{name: "rollcall, one file changed", warmUp: true,
			command: slices.Concat(warm, []string{"--stdin-filename",
				filepath.Join(dir, filepath.FromSlash(s.Changed))}),
			stdin: func(run int) []byte {
				return fmt.Appendf(slices.Clip(s.Text), "\n# changed for the %dth time\n", run)
			}},
			subject{name: "rollcall, in an editor", inEditor: func(ctx context.Context, runs int) (cost, error) {
				return measureEditor(ctx, p.rollcall, filepath.Join(dir, filepath.FromSlash(s.Changed)), s.Text, runs)
			}})
	}
	none := filepath.Join(scratch, "no-schemas", "{{.ResourceKind}}.json")
	cores := strconv.Itoa(runtime.NumCPU())
	return append(all,
		subject{name: "parse the YAML alone", command: []string{p.self, "parse", dir}},
		subject{name: "kustomize, each path once", command: []string{
			p.self, "kustomize", dir, filepath.Join(scratch, paths)}},
		subject{name: "conftest, two rules",
			command: []string{p.conftest, "test", "--policy", p.policy, "--parser", "yaml", "--no-fail",
				filepath.Join(scratch, readable)}},
		subject{name: "kubeconform, no schemas", complains: true,
			command: []string{p.kubeconform, "-schema-location", none, "-ignore-missing-schemas", "-n", cores,
				filepath.Join(scratch, readable)}},
	)
}

// Package config reads .rollcall.yaml, what the owner of a fleet says of it. Everything in it may be left out.
// Reading is strict: an unknown key, a wrong type and a name that cannot be right are errors with their line and
// column, all of them at once, because a misspelt key would otherwise switch off what it was meant to switch on.
package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/glob"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// Name is the configuration's file at the root of a tree.
const Name = ".rollcall.yaml"

// Misnamed are names that the file is given by mistake. What stands under them is refused: to leave it unread would
// switch off all that it says.
var Misnamed = []string{".rollcall.yml", ".rollcall.json"}

// ErrMisnamed tells that there is a file of such a name.
var ErrMisnamed = errors.New("is not read, but " + Name + " alone: rename it")

// maxSize bounds the file, in bytes.
const maxSize = 1 << 20

// Config is .rollcall.yaml: what its owner says of the fleet. Every key may be left out.
type Config struct {
	// Members are the names of all Karmada member clusters of the fleet. Left out, the tree tells: its agents,
	// its Cluster objects and its Flux clusters. An entry may say more of a member than its name, where no
	// Cluster object in Git does.
	Members []string `json:"members,omitempty" jsonschema:"uniqueItems=true"`
	// Failover is what is to happen when a member is lost.
	Failover Failover `json:"failover,omitzero"`
	// Clusters are the Flux clusters of the fleet, all of them. Left out, the tree tells where Flux starts.
	Clusters []Cluster `json:"clusters,omitempty"`
	// Sources are Flux sources whose artifacts are made of a folder of the tree. Those from which Flux starts need no
	// entry, nor do GitRepositories with the same URL.
	Sources []Source `json:"sources,omitempty"`
	// Rules gives rules another severity, by rule id; off switches a rule off.
	Rules map[string]fleet.Severity `json:"rules,omitempty"`
	// RulePaths are folders of further rules, relative to the root of the tree.
	RulePaths []string `json:"rulePaths,omitempty" jsonschema:"uniqueItems=true"`
	// Exclude are globs of paths that are not read at all, relative to the root of the tree: "*" and "?" stay within
	// one path element, "**" spans any number of them, and a glob that matches a folder excludes everything below it.
	// There are no character classes and no alternatives: "[", "]", "{" and "}" are errors.
	Exclude []string `json:"exclude,omitempty" jsonschema:"uniqueItems=true"`
	// Recipients are the only ones that files may be encrypted to, by SOPS and in its creation rules. The first entry
	// that matches a file's path counts; a file that none matches is not judged.
	Recipients []Recipients `json:"recipients,omitempty"`
	// MinFollowed is the part of the Flux Kustomizations in the files, in percent, that must be followed: a
	// run that follows less fails.
	MinFollowed int `json:"minFollowed,omitempty" jsonschema:"minimum=0,maximum=100"`
	// Exceptions are of findings in files that cannot say so themselves.
	Exceptions []Exception `json:"exceptions,omitempty"`
	// Baseline is a file of findings that are known and not reported, relative to the root of the tree; "rollcall
	// --write-baseline FILE" writes it. An entry that is no longer found is a finding itself.
	Baseline string `json:"baseline,omitempty"`
	// KarmadaVersion is the version of the control plane, "1.18" or "v1.18.2", from 1.0 to 1.19.
	// Left out, the tree tells.
	KarmadaVersion string `json:"karmadaVersion,omitempty" jsonschema:"pattern=^v?1\\.(1?[0-9])(\\.(0|[1-9][0-9]*))?(-[0-9A-Za-z.-]+)?(\\+[0-9A-Za-z.-]+)?$"`

	// Admission is how the webhook answers.
	Admission Admission `json:"admission,omitzero"`

	described map[string]Member // members that are said more of

	known []known             // the findings of Baseline
	name  string              // of the file, for Declared
	rules map[string]position // of the keys of Rules
	modes map[string]position // of the keys of Admission.Rules
}

// Member is what an entry of members may say beside the name. What is left out, the tree tells.
type Member struct {
	// Mode is "Push" or "Pull".
	Mode string
	// Labels, Provider, Region, Zones and Taints are the Cluster object's.
	Labels           map[string]string
	Provider, Region string
	Zones            []string
	Taints           []fleet.Taint
}

// Cluster is where the Flux of a cluster starts.
type Cluster struct {
	// Name is what reports call the cluster.
	Name string `json:"name" jsonschema:"minLength=1"`
	// Path is the folder from which Flux starts, relative to the root of the tree: spec.path of the first
	// Kustomization, below Root.
	Path string `json:"path" jsonschema:"minLength=1"`
	// Root is the folder that the artifact of Flux's source is made of, relative to the root of the tree, which it is
	// by default: all paths of the cluster's Kustomizations lead from there.
	Root string `json:"root,omitempty"`
	// Variables are those that Flux substitutes from ConfigMaps and Secrets that are not in Git.
	// No value is to be secret.
	Variables map[string]string `json:"variables,omitempty"`

	field []any
}

// Source is a Flux source whose artifact is made of a folder of the tree: of this repository, or of another one that
// lies beside it below the root of the tree.
type Source struct {
	// Kind is that of the source.
	Kind string `json:"kind" jsonschema:"enum=GitRepository,enum=OCIRepository,enum=Bucket,enum=ExternalArtifact"`
	// Namespace is the source's; any one by default.
	Namespace string `json:"namespace,omitempty"`
	// Name is the source's.
	Name string `json:"name" jsonschema:"minLength=1"`
	// Path is the folder, relative to the root of the tree.
	Path string `json:"path" jsonschema:"minLength=1"`
}

// Exception is one from a rule. What it names of paths, clusters and objects must all fit a finding, and it
// names one of these at least.
type Exception struct {
	// Rule is the rule's id, and Reason says why.
	Rule   string `json:"rule" jsonschema:"minLength=1"`
	Reason string `json:"reason" jsonschema:"minLength=1"`
	// Until is the last day on which it holds, "2026-12-31", and Owner is who answers for it.
	Until string `json:"until,omitempty" jsonschema:"format=date"`
	Owner string `json:"owner,omitempty"`
	// Severity is what the findings are instead, warning or info, where they are less; left out, they are not reported.
	Severity fleet.Severity `json:"severity,omitempty" jsonschema:"enum=warning,enum=info"`
	// Paths are globs of files, as in Exclude.
	Paths []string `json:"paths,omitempty" jsonschema:"uniqueItems=true"`
	// Clusters are names of Flux clusters.
	Clusters []string `json:"clusters,omitempty" jsonschema:"uniqueItems=true"`
	// Objects are "Kind/name" or "Kind/namespace/name".
	Objects []string `json:"objects,omitempty" jsonschema:"uniqueItems=true"`

	line, column int
}

// Recipients are those that some files may be encrypted to.
type Recipients struct {
	// Paths are globs of the files, as in Exclude.
	Paths []string `json:"paths" jsonschema:"required,uniqueItems=true"`
	// Keys are age's and SSH's public keys and PGP's fingerprints; of a service's keys the kind alone: kms, gcp_kms,
	// azure_kv, hc_vault or hckms.
	Keys []string `json:"keys" jsonschema:"required,uniqueItems=true"`
}

// Failover is what is to happen when a member is lost.
type Failover struct {
	// Order lists members: workloads run on the first one that is healthy.
	Order []string `json:"order,omitempty" jsonschema:"uniqueItems=true"`
}

// Admission is how the webhook answers. All of it can only soften what the rules say.
type Admission struct {
	// Mode is that of the rules that Rules does not name; enforce by default.
	Mode Mode `json:"mode,omitempty" jsonschema:"enum=enforce,enum=warn,enum=audit"`
	// Rules gives rules another mode, by rule id.
	Rules map[string]Mode `json:"rules,omitempty"`
	// Exempt are requests that are not judged at all.
	Exempt Exempt `json:"exempt,omitzero"`
}

// Exempt are requests that are not judged at all, by exact names.
type Exempt struct {
	// Namespaces are those of the objects.
	Namespaces []string `json:"namespaces,omitempty" jsonschema:"uniqueItems=true"`
	// Users are user names as the API server knows them: "system:serviceaccount:kube-system:generic-garbage-collector".
	Users []string `json:"users,omitempty" jsonschema:"uniqueItems=true"`
	// Groups are those that users are in.
	Groups []string `json:"groups,omitempty" jsonschema:"uniqueItems=true"`
}

// Mode is what a finding of a rule may come to at admission.
type Mode string

// Modes.
const (
	Enforce Mode = "enforce" // an error refuses the change
	Warn    Mode = "warn"    // the change is admitted, with a warning
	Audit   Mode = "audit"   // the change is admitted, and the finding stands in the API server's audit log alone
)

// ModeOf is the mode of a rule.
func (a Admission) ModeOf(rule string) Mode {
	return cmp.Or(a.Rules[rule], a.Mode, Enforce)
}

// Error is one thing that is wrong with a configuration. Line and Column count from 1, columns in Unicode code points.
type Error struct {
	File         string
	Line, Column int
	Message      string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Read reads a configuration. A file that does not exist is an empty one; ErrMisnamed where it has another name. What
// is wrong with its content is one *Error or several joined.
func Read(fsys fs.FS, name string) (Config, error) {
	if path.Base(name) == Name {
		for _, other := range Misnamed {
			if _, err := fs.Lstat(fsys, path.Join(path.Dir(name), other)); err == nil {
				return Config{}, fmt.Errorf("read the configuration: %s %w", other, ErrMisnamed)
			}
		}
	}
	// Opening a named pipe would wait for its writer.
	info, err := fs.Stat(fsys, name)
	if err == nil && !info.Mode().IsRegular() {
		return Config{}, fmt.Errorf("read the configuration: %s is not a regular file", name)
	}
	file, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, nil
	}
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	if len(data) > maxSize {
		return Config{}, fmt.Errorf("read the configuration: %s is larger than %d bytes", name, maxSize)
	}
	return parse(name, data)
}

// Declared is what the configuration says of the fleet, as the fleet takes it. Each member leads back to its entry in
// the file.
func (c Config) Declared() fleet.Declared {
	d := fleet.Declared{FailoverOrder: c.Failover.Order, KarmadaVersion: c.KarmadaVersion}
	for i, name := range c.Members {
		origin := fleet.Origin{File: c.name, Field: []any{"members", i}}
		m := c.described[name]
		d.Members = append(d.Members, fleet.DeclaredMember{
			Name: name, Origin: origin, Mode: m.Mode, Provider: m.Provider, Region: m.Region,
			Labels: m.Labels, Zones: m.Zones, Taints: m.Taints})
	}
	for i, x := range c.Exceptions {
		declared := fleet.DeclaredException{Clusters: x.Clusters, Objects: x.Objects,
			Exception: fleet.Exception{Rule: x.Rule, Reason: x.Reason, Until: x.Until, Owner: x.Owner, Severity: x.Severity, Document: -1,
				Line: x.line, Column: x.column,
				Declared: &fleet.Origin{File: c.name, Field: []any{"exceptions", i}}}}
		if len(x.Paths) > 0 {
			declared.Path, _ = glob.Compile(x.Paths) // which the decoder has done before
		}
		d.Exceptions = append(d.Exceptions, declared)
	}
	d.Exceptions = append(d.Exceptions, c.declaredBaseline()...)
	return d
}

// At is where the configuration says something.
func (c Config) At(field []any) fleet.Origin { return fleet.Origin{File: c.name, Field: field} }

// Folder is a folder that the configuration names, and the key under which it does.
type Folder struct{ Key, Path string }

// Folders are those that must be there for Flux to be followed.
func (c Config) Folders() (all []Folder) {
	for _, cluster := range c.Clusters {
		all = append(all, Folder{"clusters.path", cluster.Path})
		if cluster.Root != "" {
			all = append(all, Folder{"clusters.root", cluster.Root})
		}
	}
	for _, source := range c.Sources {
		all = append(all, Folder{"sources.path", source.Path})
	}
	return all
}

// AllowedRecipients are those that files may be encrypted to, each with its entry in the file.
func (c Config) AllowedRecipients() (all []fleet.Recipients) {
	for i, r := range c.Recipients {
		origin := fleet.Origin{File: c.name, Field: []any{"recipients", i}}
		all = append(all, fleet.Recipients{Paths: r.Paths, Keys: r.Keys, Origin: origin})
	}
	return all
}

// Entry is where the cluster is said.
func (c Cluster) Entry() []any { return c.field }

// Detached is the configuration without its file's name: for a file outside the tree, to which no place in the tree
// leads.
func (c Config) Detached() Config {
	c.name = ""
	return c
}

func parse(name string, data []byte) (c Config, err error) {
	defer func() {
		if r := recover(); r != nil { // the YAML library's parser panics on some malformed input
			c, err = Config{}, &Error{name, 1, 1, "is not YAML"}
		}
	}()
	d := decoder{file: name}
	documents := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	switch err := documents.Decode(&document); {
	case err == io.EOF:
		return Config{name: name}, nil
	case err != nil:
		return Config{}, syntaxError(name, err)
	}
	if err := documents.Decode(&second); err == nil {
		d.fail(&second, "there must be one YAML document only")
	} else if err != io.EOF {
		return Config{}, syntaxError(name, err)
	}
	c = d.config(document.Content[0])
	if err := d.err(); err != nil {
		return Config{}, err
	}
	c.name = name
	return c, nil
}

var syntaxLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// syntaxError finds the line in the YAML library's message. The library knows no column. What the message quotes is not
// shown: in a file that was never meant as one of ours it may be a password.
func syntaxError(name string, err error) error {
	e := &Error{File: name, Line: 1, Column: 1}
	text := err.Error()
	m := syntaxLine.FindStringSubmatch(text)
	if m[1] != "" {
		fmt.Sscan(m[1], &e.Line)
	}
	e.Message = secret.Message(quoted.ReplaceAllString(strings.TrimPrefix(text, m[0]), ""))
	return e
}

// quoted is what the YAML library quotes of a text; of the signs that it misses it quotes no more than two letters.
var quoted = regexp.MustCompile("[ ](?:'[^']{3,}'|`[^`]*`|\"[^\"]*\")")

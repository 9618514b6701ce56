package config

import (
	"encoding/json"
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/invopop/jsonschema"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

func read(content string) (Config, error) {
	return Read(fstest.MapFS{Name: {Data: []byte(content)}}, Name)
}

func TestMembers(t *testing.T) {
	c, err := read(
		`members: [a, {name: b, mode: Push, labels: {site: x}, region: eu, zone: eu-1, taints: [{key: k, effect: NoExecute}]}]`)
	if err != nil {
		t.Fatal(err)
	}
	want := []fleet.DeclaredMember{
		{Name: "a", Origin: fleet.Origin{File: Name, Field: []any{"members", 0}}},
		{Name: "b", Origin: fleet.Origin{File: Name, Field: []any{"members", 1}}, Mode: "Push", Region: "eu",
			Zones:  []string{"eu-1"},
			Labels: map[string]string{"site": "x"}, Taints: []fleet.Taint{{Key: "k", Effect: "NoExecute"}}},
	}
	if got := c.Declared().Members; !reflect.DeepEqual(got, want) {
		t.Errorf("members %v, want %v", got, want)
	}
}

func TestRead(t *testing.T) {
	got, err := read(`
# the fleet
members: [ottawa, robbinsdale, &third stpetersburg]
failover:
  order: [robbinsdale, *third]
rules:
  weights-encode-order: off
  purge-mode-valid: "info"
rulePaths: [policy/rules, ./more]
exclude: ["archive/**", "**/*.tmpl.yaml"]
karmadaVersion: v1.18.2
clusters:
  - {name: ottawa, path: fleet/clusters/ottawa/, root: ./fleet, variables: {REGION: eu, EMPTY: ""}}
sources:
  - {kind: OCIRepository, namespace: apps, name: shop, path: shop}
recipients:
  - paths: ["clusters/**"]
    keys: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p, kms, 1F35 C1B2 C3D4 E5F6 0718 293A 4B5C 6D7E 8F90 1234]
admission:
  mode: warn
  rules:
    weights-encode-order: enforce
    purge-mode-valid: audit
  exempt:
    namespaces: [kube-system]
    users: ["system:serviceaccount:kube-system:generic-garbage-collector"]
    groups: ["system:masters"]
`)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Members:        []string{"ottawa", "robbinsdale", "stpetersburg"},
		Failover:       Failover{Order: []string{"robbinsdale", "stpetersburg"}},
		Rules:          map[string]fleet.Severity{"weights-encode-order": fleet.Off, "purge-mode-valid": fleet.Info},
		RulePaths:      []string{"policy/rules", "./more"},
		Exclude:        []string{"archive/**", "**/*.tmpl.yaml"},
		KarmadaVersion: "v1.18.2",
		Recipients: []Recipients{{Paths: []string{"clusters/**"}, Keys: []string{
			"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", "kms",
			"1F35 C1B2 C3D4 E5F6 0718 293A 4B5C 6D7E 8F90 1234"}}},
		Clusters: []Cluster{{Name: "ottawa", Path: "fleet/clusters/ottawa", Root: "fleet",
			Variables: map[string]string{"REGION": "eu", "EMPTY": ""},
			field:     []any{"clusters", 0}}},
		Sources: []Source{{Kind: "OCIRepository", Namespace: "apps", Name: "shop", Path: "shop"}},
		name:    Name,
		Admission: Admission{
			Mode:  Warn,
			Rules: map[string]Mode{"weights-encode-order": Enforce, "purge-mode-valid": Audit},
			Exempt: Exempt{
				Namespaces: []string{"kube-system"},
				Users:      []string{"system:serviceaccount:kube-system:generic-garbage-collector"},
				Groups:     []string{"system:masters"},
			},
		},
		rules: map[string]position{"weights-encode-order": {7, 3}, "purge-mode-valid": {8, 3}},
		modes: map[string]position{"weights-encode-order": {22, 5}, "purge-mode-valid": {23, 5}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	declared := fleet.Declared{
		Members: []fleet.DeclaredMember{
			{Name: "ottawa", Origin: fleet.Origin{File: Name, Field: []any{"members", 0}}},
			{Name: "robbinsdale", Origin: fleet.Origin{File: Name, Field: []any{"members", 1}}},
			{Name: "stpetersburg", Origin: fleet.Origin{File: Name, Field: []any{"members", 2}}},
		},
		FailoverOrder:  []string{"robbinsdale", "stpetersburg"},
		KarmadaVersion: "v1.18.2",
	}
	if got := got.Declared(); !reflect.DeepEqual(got, declared) {
		t.Errorf("declared %+v\nwant     %+v", got, declared)
	}
	for i := range declared.Members {
		declared.Members[i].Origin.File = ""
	}
	if got := got.Detached().Declared(); !reflect.DeepEqual(got, declared) {
		t.Errorf("detached %+v\nwant     %+v", got, declared)
	}
}

func TestNothingDeclared(t *testing.T) {
	for _, content := range []string{"", "# nothing yet\n", "---\n", "members:\nfailover:\nrules: {}\n"} {
		got, err := read(content)
		if err != nil {
			t.Errorf("%q: %v", content, err)
		}
		if got := got.Declared(); !reflect.DeepEqual(got, fleet.Declared{}) {
			t.Errorf("%q declares %+v", content, got)
		}
	}
	if got, err := Read(fstest.MapFS{}, Name); err != nil || !reflect.DeepEqual(got, Config{}) {
		t.Errorf("no file: %+v, %v", got, err)
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"a list", "- ottawa\n", `1:1: the configuration must be a mapping, not a list`},
		{"text", "members\n", `1:1: the configuration must be a mapping, not text`},
		{"a misspelt key", "member: [a]\n", `1:1: unknown key "member"; did you mean "members"?`},
		{"an unknown key", "x: 1\n",
			`1:1: unknown key "x"; the configuration has admission, baseline, clusters, exceptions, exclude, failover, karmadaVersion, members, minFollowed, recipients, rulePaths, rules, sources`},
		{"an unknown key inside", "failover: {first: a}\n", `1:12: unknown key "first"; failover has order`},
		{"a member", `members: [{name: a, mode: Pul, zones: eu, labels: {x: 1}, taints: [{key: k}]}, {name: a}]
`, `1:27: members.mode: the value is none of Push, Pull
1:39: members.zones must be a list, not text
1:55: a value of members.labels must be text, not a number: write it in quotes
1:68: an entry of members.taints needs "effect"
1:87: members: the entry is there twice`},
		{"a merge key", "failover: &a {}\n<<: *a\n",
			`2:1: unknown key "<<"; the configuration has admission, baseline, clusters, exceptions, exclude, failover, karmadaVersion, members, minFollowed, recipients, rulePaths, rules, sources`},
		{"a key twice", "members: [a]\nmembers: [b]\n", `2:1: key "members" is there twice`},
		{"a mapping as key", "? {a: b}\n: c\n", `1:3: a key of the configuration must be text, not a mapping`},
		{"everything at once", `members: [ottawa, 7, ottawa, "", Ottawa, {a: b}, ~]
failover: {order: [ottawa, otawa, ottawa]}
rules: {a: fatal, b: [], c: off, d: , e: 3}
rulePaths: [../rules, /rules, ok]
exclude: [/tmp, a/../b, {}, "[a", "x.{a,b}"]
karmadaVersion: 1.18
`, `1:19: an entry of members must be text, not a number: write it in quotes
1:22: members: the entry is there twice
1:30: an entry of members must be text, not nothing
1:34: members: the entry cannot be the name of a cluster: it must be lowercase letters, digits, "-" and "."
1:42: an entry of members needs "name"
1:43: unknown key "a"; an entry of members has labels, mode, name, provider, region, taints, zone, zones
1:50: an entry of members must be text, not nothing
2:28: failover.order: the entry is not in members; did you mean "ottawa" or "Ottawa"?
2:35: failover.order: the entry is there twice
3:12: rules: the value is none of error, warning, info, off
3:22: rules: the severity of "b" must be one of error, warning, info, off, not a list
3:37: rules: the severity of "d" must be one of error, warning, info, off, not nothing
3:42: rules: the value is none of error, warning, info, off
4:13: rulePaths: the entry must be a folder inside the tree, relative to its root, with slashes
4:23: rulePaths: the entry must be a folder inside the tree, relative to its root, with slashes
5:11: exclude: the entry must be relative to the root of the tree and stay in it
5:17: exclude: the entry must be relative to the root of the tree and stay in it
5:25: an entry of exclude must be text, not a mapping
5:29: exclude: the entry has a bracket or brace, which is not supported: the wildcards are "*", "?" and "**"
5:35: exclude: the entry has a bracket or brace, which is not supported: the wildcards are "*", "?" and "**"
6:17: karmadaVersion must be text, not a number: write it in quotes`},
		{"clusters and sources", `clusters:
  - {name: a, path: ../a}
  - {name: a, path: clusters/a, root: /fleet, variables: {A: 1, my-var: x}}
  - {path: clusters/a/}
  - a
sources: [{kind: HelmRepository, name: "", path: x}, {kind: Bucket}]
`, `2:21: clusters.path: the entry must be a folder inside the tree, relative to its root, with slashes
3:12: clusters.name: "a" is there twice
3:39: clusters.root: the entry must be a folder inside the tree, relative to its root, with slashes
3:62: a value of clusters.variables must be text, not a number: write it in quotes
3:65: clusters.variables: "my-var" is no name of a variable
4:5: an entry of clusters needs "name"
4:12: clusters.path: "clusters/a" is there twice
5:5: an entry of clusters must be a mapping, not text
6:18: sources.kind: the value is none of GitRepository, OCIRepository, Bucket, ExternalArtifact
6:40: sources.name must be text, not nothing
6:54: an entry of sources needs "name"
6:54: an entry of sources needs "path"`},
		{"no version", "karmadaVersion: latest\n", `1:17: karmadaVersion is no version, like "1.18" or "v1.18.2"`},
		{"a version that nobody knows", "karmadaVersion: \"1.81\"\n",
			`1:17: karmadaVersion is none of the versions that are known here, 1.0 to 1.19; left out, the tree tells`},
		{"scalars for lists", "members: a\nrules: on\nfailover: []\n", `1:10: members must be a list, not text
2:8: rules must be a mapping, not text
3:11: failover must be a mapping, not a list`},
		{"recipients", "recipients:\n  - paths: [\"[a\"]\n    keys: [AGE-SECRET-KEY-1]\n  - keys: [kms]\n  - x\n  - path: [a]\n", `2:13: recipients.paths: the entry has a bracket or brace, which is not supported: the wildcards are "*", "?" and "**"
3:12: recipients.keys: this is no public key of age or SSH, no fingerprint of PGP and none of kms, gcp_kms, azure_kv, hc_vault, hckms
4:5: an entry of recipients must have paths and keys
5:5: an entry of recipients must be a mapping, not text
6:5: unknown key "path"; did you mean "paths"?
6:5: an entry of recipients must have paths and keys`},
		{"recipients that are no list", "recipients: {a: b}\n", `1:13: recipients must be a list, not a mapping`},
		{"two documents", "members: [a]\n---\nmembers: [b]\n", `2:1: there must be one YAML document only`},
		{"no YAML", "members: [a\nrules: {\n", `1:1: did not find expected ',' or ']'`},
		{"a tab", "members:\n\t- a\n", `2:1: found character that cannot start any token`},
		{"invalid UTF-8", "members: [\xff]\n", `1:1: invalid leading UTF-8 octet`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := read(c.content)
			if err == nil {
				t.Fatalf("no error, but %+v", got)
			}
			want := Name + ":" + strings.ReplaceAll(c.want, "\n", "\n"+Name+":")
			if err.Error() != want {
				t.Errorf("got\n%v\nwant\n%v", err, want)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%T is no *Error", err)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	for name, fsys := range map[string]fs.FS{
		"a pipe":    pipe{},
		"a folder":  fstest.MapFS{Name + "/x": {}},
		"too large": fstest.MapFS{Name: {Data: make([]byte, maxSize+1)}},
	} {
		if _, err := Read(fsys, Name); err == nil || !strings.HasPrefix(err.Error(), "read the configuration: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// pipe is a file system whose files are named pipes: opening one would wait for ever.
type pipe struct{}

func (pipe) Open(string) (fs.File, error) { panic("opened") }

func (pipe) Stat(name string) (fs.FileInfo, error) {
	return fs.Stat(fstest.MapFS{name: {Mode: fs.ModeNamedPipe}}, name)
}

func TestCheckRules(t *testing.T) {
	c, err := read("rules:\n  purge-mode: off\n  no-such: info\n  purge-mode-valid: info\n")
	if err != nil {
		t.Fatal(err)
	}
	err = c.CheckRules([]string{"purge-mode-valid", "weight-at-least-one"})
	want := `.rollcall.yaml:2:3: no rule is called "purge-mode"; did you mean "purge-mode-valid"?
.rollcall.yaml:3:3: no rule is called "no-such"`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if err := c.CheckRules([]string{"purge-mode-valid", "purge-mode", "no-such"}); err != nil {
		t.Error(err)
	}
}

func TestSchema(t *testing.T) {
	r := jsonschema.Reflector{ExpandedStruct: true, Anonymous: true}
	s := r.Reflect(Config{})
	rules, _ := s.Properties.Get("rules")
	got, err := json.Marshal(rules)
	if err != nil {
		t.Fatal(err)
	}
	if want :=
		`{"additionalProperties":{"type":"string","enum":["error","warning","info","off"]},"type":"object"}`; string(
		got) != want {
		t.Errorf("rules: %s", got)
	}
	if s.AdditionalProperties != jsonschema.FalseSchema {
		t.Errorf("unknown keys are allowed: %v", s.AdditionalProperties)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("members: [a]\nfailover: {order: [a]}\nrules: {x: off}\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("? [\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") +
			strings.Count(string(data), "\u0085") +
			strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029") + 2
		_, err := parse(Name, data)
		for _, err := range all(err) {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Line > lines || e.Column < 1 {
				t.Errorf("%v", err)
			}
		}
	})
}

func all(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

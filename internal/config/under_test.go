package config

import (
	"slices"
	"testing"
	"testing/fstest"
)

func TestRelaxes(t *testing.T) {
	read := func(text string) Config {
		t.Helper()
		c, err := Read(fstest.MapFS{Name: &fstest.MapFile{Data: []byte(text)}}, Name)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, c := range map[string]struct {
		base, now string
		want      []string
	}{
		"nothing":   {"rules: {a: off}\n", "rules: {a: off}\nmembers: [m]\n", nil},
		"stricter":  {"rules: {a: off}\nexclude: [x]\n", "rules: {a: error}\n", nil},
		"off":       {"", "rules: {b: off, a: info}\n", []string{`the rule "a" is info`, `the rule "b" is off`}},
		"no longer": {"rules: {a: error}\n", "", []string{`the rule "a" is no longer error`}},
		"a key": {"", "exclude: [AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ]\n",
			[]string{`"…" is excluded`}},
		"excluded":  {"exclude: [a]\n", "exclude: [a, b]\n", []string{`"b" is excluded`}},
		"own rules": {"rulePaths: [p, q]\n", "rulePaths: [q]\n", []string{`the rules in "p" do not run`}},
		"recipient": {"", "recipients: [{paths: [\"**\"], keys: [kms]}]\n", []string{"other recipients are allowed"}},
		"admission": {"admission: {rules: {a: warn}}\n",
			"admission: {mode: audit, rules: {a: warn, b: warn}, exempt: {namespaces: [n], users: [u], groups: [g]}}\n",
			[]string{"at admission the mode is audit", `at admission the rule "b" is warn`,
				`at admission the namespace "n" is exempt`,
				`at admission the user "u" is exempt`, `at admission the group "g" is exempt`}},
	} {
		base, now := read(c.base), read(c.now)
		if got := now.Relaxes(base); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if left := now.Under(base).Relaxes(base); slices.ContainsFunc(left, func(text string) bool {
			return text[:2] != "at"
		}) {
			t.Errorf("%s: under the base %q", name, left)
		}
	}
}

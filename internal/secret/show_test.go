package secret

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"talos-ottawa":                 "talos-ottawa",
		"clusters/a/x y.yaml":          "clusters/a/x y.yaml",
		"*":                            "*",
		"1.18":                         "1.18",
		"fd00::1":                      "fd00::1",
		"${CLUSTER}-x":                 "${CLUSTER}-x",
		"./apps/${A:=b}/x":             "./apps/${A:=…}/x",
		"{{ .Values.x }}":              "{{ .Values.x }}",
		"ghcr.io/x/y@sha256:0123":      "ghcr.io/x/y@sha256:0123",
		"a\n::error::b":                "…",
		"a\x1b[31m":                    "a\ufffd[31m",
		"a\u202eb":                     "a\ufffdb",
		"::error file=x::y.yaml":       "…", // it has an assignment, as no name has
		"{kind: Secret}":               "…",
		`["a"]`:                        "…",
		"kind: Secret":                 "…",
		"password=x":                   "…",
		"https://h/x":                  "https://h/x",
		"https://u:p@h/x":              "https://h/x",
		"https://token@h/x?a=b#c":      "https://h/x",
		"https://u:%41b@h/x":           "https://h/x",
		"https://u:a/b@h/x":            "https://h/x",
		"git::https://u:p@h/x?ref=y":   "git::https://h/x",
		"u:secret1@h/x.git":            "…",
		"Bearer abc-def-123":           "…",
		"q7ZkP0aLmN3bVtY8":             "…",
		strings.Repeat("x", maxName+1): "…",
		"AGE-SECRET-KEY-1abcdefgh":     "…",
	} {
		if got := Name(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestMessage(t *testing.T) {
	for text, want := range map[string]string{
		`no member is called "ottwa"; did you mean "ottawa"?`:   `no member is called "ottwa"; did you mean "ottawa"?`,
		`"{kind: Secret, data: {a: b}}" does not exist`:         `"…" does not exist`,
		`"a\nb: c" does not exist`:                              `"…" does not exist`,
		`https://u:p@h/x?y is remote`:                           `https://h/x is remote`,
		`Secret password=hunter2 "x" is plain`:                  `Secret … "x" is plain`,
		"a\nb\x1b[31m":                                          "a b\ufffd[31m",
		"::error::x":                                            ":\ufffderror::x",
		"see https://karmada.io/docs, or https://fluxcd.io (x)": "see https://karmada.io/docs, or https://fluxcd.io (x)",
		`an unbalanced " quote`:                                 `an unbalanced " quote`,
		strings.Repeat("long ", 400): strings.Repeat("long ", 400)[:maxMessage-len("…")] +
			"…",
	} {
		if got := Message(text); got != want {
			t.Errorf("%q:\n%q, want\n%q", text, got, want)
		}
		if once := Message(text); Message(once) != once {
			t.Errorf("%q is changed again: %q", once, Message(once))
		}
	}
}

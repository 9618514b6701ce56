package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// seenFile is what a real Flux says of the rules' examples, and builtFrom the module that it is built from.
const seenFile, builtFrom = "e2e/flux/testdata/seen.tsv", "e2e/fluxservers/go.mod"

// saying is what Flux says of an object of an example's tree.
type saying struct{ tree, object, status, reason, message string }

// readSeen reads what Flux says, by rule, and what Flux that is.
func readSeen() (by map[string][]saying, version string, err error) {
	text, err := os.ReadFile(seenFile)
	if err != nil {
		return nil, "", err
	}
	by = map[string][]saying{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(f) == 7 {
			by[f[0]] = append(by[f[0]], saying{f[1], f[3], f[4], f[5], f[6]})
		}
	}
	module, err := os.ReadFile(builtFrom)
	if err != nil {
		return nil, "", err
	}
	found := regexp.MustCompile(`github\.com/fluxcd/(kustomize-controller v\S+)`).FindSubmatch(module)
	if found == nil {
		return nil, "", fmt.Errorf("%s: no kustomize-controller", builtFrom)
	}
	return by, string(found[1]), nil
}

// writeSeen says what Flux says of the broken trees alone; where it takes one of them without an error, that too.
func writeSeen(page *bytes.Buffer, all []saying, version string) {
	var said []string
	silent := false
	for _, s := range all {
		if !strings.HasPrefix(s.tree, "broken") {
			continue
		}
		silent = silent || s.status == "True"
		ofHealthy := func(o saying) bool {
			return !strings.HasPrefix(o.tree, "broken") && o.object == s.object && o.reason == s.reason
		}
		if s.status != "False" || slices.ContainsFunc(all, ofHealthy) {
			continue
		}
		message, _, _ := strings.Cut(s.message, "…")
		line := fmt.Sprintf("%s is not ready, `%s`: `%s`", s.object, s.reason,
			strings.Trim(strings.ReplaceAll(message, "`", "'"), " :("))
		if !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	const most = 3
	switch {
	case len(said) > 0:
		fmt.Fprintf(page, "\nSeen on Flux (%s):\n\n", version)
		for _, line := range said[:min(most, len(said))] {
			fmt.Fprintf(page, "- %s\n", line)
		}
	case silent:
		fmt.Fprintf(page, "\nSeen on Flux (%s): it applies the example without an error.\n", version)
	}
}

package loader

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// globs compiles the excluding globs: the result tells whether a path, or a folder above it, matches one of them.
func globs(patterns []string) (func(string) bool, error) {
	var all []*regexp.Regexp
	for _, p := range patterns {
		re, err := regexp.Compile(globExpr(p))
		if err != nil {
			return nil, fmt.Errorf("exclude %q: %w", p, err)
		}
		all = append(all, re)
	}
	return func(p string) bool {
		return slices.ContainsFunc(all, func(re *regexp.Regexp) bool { return re.MatchString(p) })
	}, nil
}

// globExpr is the glob as a regular expression: "**/" is any number of folders, "*" and "?" stay within one path
// element, and what is below a match matches.
func globExpr(glob string) string {
	glob = strings.TrimSuffix(strings.TrimPrefix(glob, "./"), "/")
	var b strings.Builder
	b.WriteString(`\A`)
	for i := 0; i < len(glob); i++ {
		switch {
		case strings.HasPrefix(glob[i:], "**/"):
			b.WriteString(`(?:[^/]+/)*`)
			i += 2
		case strings.HasPrefix(glob[i:], "**"):
			b.WriteString(`.*`)
			i++
		case glob[i] == '*':
			b.WriteString(`[^/]*`)
		case glob[i] == '?':
			b.WriteString(`[^/]`)
		default:
			_, size := utf8.DecodeRuneInString(glob[i:])
			b.WriteString(regexp.QuoteMeta(glob[i : i+size]))
			i += size - 1
		}
	}
	b.WriteString(`(?:/.*)?\z`)
	return b.String()
}

// sortPaths sorts paths as kustomize-controller's generator walks them: folder by folder, so that "a/b" comes before
// "a-b".
func sortPaths(paths []string) {
	slices.SortFunc(paths, func(a, b string) int {
		for i := range min(len(a), len(b)) {
			if a[i] == b[i] {
				continue
			}
			if a[i] == '/' {
				return -1
			}
			if b[i] == '/' {
				return 1
			}
			return int(a[i]) - int(b[i])
		}
		return len(a) - len(b)
	})
}

// Package glob matches paths as the configuration names them.
package glob

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Compile compiles globs: the result tells whether a path, or a folder above it, matches one of them. "*" and "?" stay
// within one path element, "**" spans any number of them.
func Compile(patterns []string) (func(string) bool, error) {
	var all []*regexp.Regexp
	for _, p := range patterns {
		re, err := regexp.Compile(expression(p))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", p, err)
		}
		all = append(all, re)
	}
	return func(p string) bool {
		return slices.ContainsFunc(all, func(re *regexp.Regexp) bool { return re.MatchString(p) })
	}, nil
}

// expression is the glob as a regular expression: "**/" is any number of folders, "*" and "?" stay within one path
// element, and what is below a match matches.
func expression(glob string) string {
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

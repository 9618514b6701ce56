// Package spelling guesses what a misspelt name was meant to be.
package spelling

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// DidYouMean is `; did you mean "a" or "b"?` for the names that are near; empty where there is none.
func DidYouMean(name string, known []string) string {
	near := Near(name, known)
	if len(near) == 0 {
		return ""
	}
	for i, other := range near {
		near[i] = fmt.Sprintf("%q", other)
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
}

// Near are the known names that are a few keystrokes away from name or contain it, the nearest first, three at most;
// where there is none, those that it begins with.
func Near(name string, known []string) (names []string) {
	type miss struct {
		name     string
		distance int
	}
	var near []miss
	for _, k := range known {
		d := distance(name, k)
		if d <= max(2, len(name)/4) && d < len(name) || len(name) > 3 && strings.Contains(k, name) {
			near = append(near, miss{k, d})
		}
	}
	for _, k := range known {
		if len(near) == 0 && len(k) > 3 && strings.HasPrefix(name, k) {
			near = append(near, miss{k, distance(name, k)})
		}
	}
	slices.SortFunc(near, func(a, b miss) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	for _, m := range near[:min(3, len(near))] {
		names = append(names, m.name)
	}
	return names
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitution := diagonal
			if a[i] != b[j] {
				substitution++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitution, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

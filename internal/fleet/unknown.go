package fleet

import (
	"cmp"
	"fmt"
	"slices"
)

// Unknown lists what this repository does not show, each place once, by file: what the clusters' and
// the Kustomizations' Incomplete say together. Nothing is missing because it is not known, and
// silence about it is no verdict.
func (f *Fleet) Unknown() []Incomplete {
	var all []Incomplete
	for _, c := range f.Clusters {
		all = append(all, c.Incomplete...)
	}
	for _, k := range f.Kustomizations {
		all = append(all, k.Incomplete...)
	}
	slices.SortFunc(all, func(a, b Incomplete) int {
		return cmp.Or(cmp.Compare(a.Origin.File, b.Origin.File), cmp.Compare(a.Origin.Document, b.Origin.Document),
			cmp.Compare(fmt.Sprint(a.Origin.Field), fmt.Sprint(b.Origin.Field)), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Why, b.Why))
	})
	return slices.CompactFunc(all, func(a, b Incomplete) bool {
		return a.Kind == b.Kind && a.Why == b.Why && a.Origin.File == b.Origin.File &&
			a.Origin.Document == b.Origin.Document && slices.Equal(a.Origin.Field, b.Origin.Field)
	})
}

package rules

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// reading is a fact and the subject, an index of Judgement.subjects, that it stands in or whose rules have read it.
type reading struct {
	fact fleet.Path
	by   int32
}

// readers are those of one fact, and of what lies below it.
type readers struct {
	step  string // the last that leads to the fact
	by    []int32
	below []readers // by step
}

func newReaders(all []reading) readers {
	slices.SortFunc(all, func(a, b reading) int { return cmp.Or(slices.Compare(a.fact, b.fact), cmp.Compare(a.by, b.by)) })
	return readersAt(0, all)
}

// readersAt are those of the facts that share their first steps, so many; they are sorted.
func readersAt(depth int, all []reading) (r readers) {
	if depth > 0 {
		r.step = all[0].fact[depth-1]
	}
	for len(all) > 0 && len(all[0].fact) == depth {
		r.by = append(r.by, all[0].by)
		all = all[1:]
	}
	r.by = slices.Clip(slices.Compact(r.by))
	for len(all) > 0 {
		step := all[0].fact[depth]
		end := slices.IndexFunc(all, func(other reading) bool { return other.fact[depth] != step })
		if end < 0 {
			end = len(all)
		}
		r.below = append(r.below, readersAt(depth+1, all[:end]))
		all = all[end:]
	}
	r.below = slices.Clip(r.below)
	return r
}

// of are those whose verdict may be another when facts have changed: that have read one, something in it, or something that it
// is in. They are sorted.
func (r *readers) of(changed []fleet.Path) []int32 {
	var found []int32
	for _, fact := range changed {
		at, known := r, true
		for _, step := range fact {
			found = append(found, at.by...)
			var i int
			if i, known = slices.BinarySearchFunc(at.below, step, func(b readers, step string) int { return strings.Compare(b.step, step) }); !known {
				break
			}
			at = &at.below[i]
		}
		if known {
			found = at.all(found)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// all are the readers of the fact and of what lies below it.
func (r *readers) all(found []int32) []int32 {
	found = append(found, r.by...)
	for i := range r.below {
		found = r.below[i].all(found)
	}
	return found
}

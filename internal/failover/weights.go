package failover

import (
	"cmp"
	"maps"
	"slices"
)

// votes are weights by cluster; seats are replicas by cluster.
type (
	votes map[string]int64
	seats map[string]int
)

// order tells which of two clusters wins a tie: Karmada takes the alphabet, or its reverse, by a hash of the object's
// UID, which Git does not show.
//
// Source: karmada-io/karmada v1.18.2 pkg/util/helper/binding.go:117 tieBreakerByUID.
type order func(a, b string) int

// webster gives n seats one by one to the highest votes/(2*seats+1); of equals, to the one with fewer.
//
// Source: karmada-io/karmada v1.18.2 pkg/util/helper/webstermethod.go.
func webster(n int, v votes, tie order) seats {
	won := seats{}
	names := slices.Sorted(maps.Keys(v))
	for range n {
		best := slices.MinFunc(names, func(a, b string) int {
			return cmp.Or(cmp.Compare(priority(v[b], won[b]), priority(v[a], won[a])), cmp.Compare(won[a], won[b]), tie(a, b))
		})
		won[best]++
	}
	return won
}

// priority is a quotient as Karmada computes it, in floating point.
func priority(votes int64, seats int) float64 { return float64(votes) / float64(2*seats+1) }

// remainder gives each cluster the whole part of its share of n, and what is left one by one to the largest votes; of
// equals, to those that had more before, last.
//
// Source: karmada-io/karmada v1.15.0 pkg/util/helper/binding.go:42 Less and :90 TakeByWeight.
func remainder(n int, v votes, last seats, tie order) seats {
	var sum int64
	for _, w := range v {
		sum += w
	}
	won := seats{}
	names := slices.SortedFunc(maps.Keys(v), func(a, b string) int {
		return cmp.Or(cmp.Compare(v[b], v[a]), cmp.Compare(last[b], last[a]), tie(a, b))
	})
	left := n
	for _, name := range names {
		won[name] = int(v[name] * int64(n) / sum)
		left -= won[name]
	}
	for _, name := range names[:min(left, len(names))] {
		won[name]++
	}
	return won
}

func (s seats) sum() (n int) {
	for _, replicas := range s {
		n += replicas
	}
	return n
}

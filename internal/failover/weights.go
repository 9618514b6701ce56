package failover

import (
	"cmp"
	"maps"
	"math"
	"math/big"
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

// webster gives n seats one by one to the highest votes/(2*seats+1); of equals, to the one with fewer. All seats above
// a bid go at once, so that the time is no matter of n.
//
// Source: karmada-io/karmada v1.18.2 pkg/util/helper/webstermethod.go.
func webster(n int, v votes, tie order) seats {
	names := slices.Sorted(maps.Keys(v))
	won := seats{}
	if n > len(names) {
		won = above(bid(n, v), v)
	}
	if n > len(names) && len(won) == 0 { // none has a vote
		for _, name := range names {
			won[name] = n / len(names)
		}
	}
	for range n - won.sum() {
		best := slices.MinFunc(names, func(a, b string) int {
			return cmp.Or(cmp.Compare(priority(v[b], won[b]), priority(v[a], won[a])), cmp.Compare(won[a], won[b]),
				tie(a, b))
		})
		won[best]++
	}
	return won
}

// bid is the lowest that no more than n of all priorities are above.
func bid(n int, v votes) float64 {
	low, high := uint64(0), math.Float64bits(math.MaxFloat64)
	for low < high { // floats that are not negative are in the order of their bits
		middle := low + (high-low)/2
		if above(math.Float64frombits(middle), v).sum() <= n {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return math.Float64frombits(low)
}

// above is how many seats each cluster has whose priority is above a bid, up to maxSeats.
func above(bid float64, v votes) seats {
	all := make(seats, len(v))
	for name, votes := range v {
		won := min((float64(votes)/bid-1)/2, maxSeats)
		if bid == 0 {
			won = 0
			if votes > 0 {
				won = maxSeats
			}
		}
		n := max(0, int(won)-1)
		for n < maxSeats && priority(votes, n) > bid { // the quotient is rounded
			n++
		}
		if n > 0 {
			all[name] = n
		}
	}
	return all
}

// maxSeats is more than any workload's replicas, which are int32.
const maxSeats = 1 << 32

// priority is a quotient as Karmada computes it, in floating point.
func priority(votes int64, seats int) float64 { return float64(votes) / float64(2*seats+1) }

// remainder gives each cluster the whole part of its share of n, and what is left one by one to the largest votes; of
// equals, to those that had more before, last.
//
// Source: karmada-io/karmada v1.15.0 pkg/util/helper/binding.go:42 Less and :90 TakeByWeight.
func remainder(n int, v votes, last seats, tie order) seats {
	sum := new(big.Int)
	for _, w := range v {
		sum.Add(sum, big.NewInt(w))
	}
	won := seats{}
	if sum.Sign() <= 0 {
		return won
	}
	names := slices.SortedFunc(maps.Keys(v), func(a, b string) int {
		return cmp.Or(cmp.Compare(v[b], v[a]), cmp.Compare(last[b], last[a]), tie(a, b))
	})
	left := n
	for _, name := range names {
		share := new(big.Int).Mul(big.NewInt(v[name]), big.NewInt(int64(n)))
		won[name] = int(share.Quo(share, sum).Int64())
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

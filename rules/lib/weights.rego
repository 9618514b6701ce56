# Karmada's arithmetic of static weights: how n replicas are divided, and when all stay on one cluster.
#
# Up to Karmada 1.15 each cluster gets the whole part of its share, and what is left goes one by one to the largest
# weights. From 1.16 on every replica goes to the cluster with the highest w/(2s+1), s being what it has already; of
# equals, the one that has fewer.
#
# Source: karmada-io/karmada v1.15.0 pkg/util/helper/binding.go:112 (TakeByWeight); v1.18.2 pkg/util/helper/binding.go:94
# and pkg/util/helper/webstermethod.go:57; the bounds were also seen on a running 1.18.2.
package lib.weights

# webster divides n replicas as Karmada 1.16 and later do; as many numbers as there are weights.
webster(weights, n) := [seats |
	some i, first in sure
	seats := first + count([s | some s in numbers.range(first, most[i]); [i, s] in won])
] if {
	votes := _votes(weights)
	sure := _sure(votes, n)
	most := _most(votes, n)
	left := n - sum(sure)
	bids := sort([[0 - (w / ((2 * s) + 1)), s, i] |
		left > 0
		some i, w in votes
		some s in numbers.range(sure[i], most[i])
	])
	won := {[i, s] | some [_, s, i] in array.slice(bids, 0, left)}
}

# _sure are seats that each weight gets whatever the others bid: with k weights of the sum W the bids of at least
# 2W/(2n-k) are no more than n, and all but k of these.
_sure(votes, n) := [floor(((w * ((2 * n) - k)) + total) / (2 * total)) | some w in votes] if {
	k := count(votes)
	total := sum(votes)
	2 * n > k
} else := [0 | some _ in votes]

# _most are the seats that each weight may get at the most: the bids of at least W/(2n+k) are no
# fewer than n, and at most n+k.
_most(votes, n) := [floor(((w * ((2 * n) + k)) + total) / (2 * total)) | some w in votes] if {
	k := count(votes)
	total := sum(votes)
}

# remainder divides n replicas as Karmada up to 1.15 does, of weights in descending order.
remainder(weights, n) := [seats |
	some i, floor in floors
	seats := floor + count([1 | i < left])
] if {
	votes := _votes(weights)
	total := sum(votes)
	floors := [floor((w * n) / total) | some w in votes]
	left := n - sum(floors)
}

# Where no cluster has a weight each of them counts the same.
_votes(weights) := weights if {
	sum(weights) > 0
} else := [1 | some _ in weights]

# first_split is the first i at which n replicas do not all go to the i-th weight once those before it are lost;
# undefined where they always do. The weights are in the order of failover, karmada is "webster" or "remainder".
#
# Before the first split every weight is more than all that follow, so the weights up to there are the largest in
# descending order, and what is left after i of them is what is left of the sorted list.
first_split(weights, n, karmada) := min({i |
	some i, weight in weights
	i < count(weights) - 1
	_splits(weight, i, sorted, n, karmada)
}) if {
	count(weights) > 1
	sorted := array.reverse(sort(weights))
}

_splits(weight, i, sorted, _, _) if weight < sorted[i]

# The first gets the n-th replica only if w/(2(n-1)+1) is more than what any other bids for its first.
_splits(weight, i, sorted, n, "webster") if weight <= ((2 * n) - 1) * sorted[i + 1]

# The first must have n-1 whole shares, and no other may have one; then the one that is left goes to the first.
_splits(weight, i, sorted, _, "remainder") if weight <= sorted[i + 1]

_splits(weight, i, sorted, n, "remainder") if {
	n > 1
	i < _halvings
	rest := sum(array.slice(sorted, i + 1, count(sorted)))
	not _whole(weight, rest, sorted[i + 1], n)
}

_whole(weight, rest, next, n) if {
	weight >= (n - 1) * rest
	next * n < weight + rest
}

# Each such step at least halves the sum of what is left, and a sum of int64 cannot be halved more often.
_halvings := 128

# smallest are the smallest weights that keep n replicas together on the first of k healthy clusters under both
# divisions: with m = 2n-1 the last has 1, and each before it m times the next and one more.
smallest(k, n) := [weight |
	some i in numbers.range(1, k)
	weight := sum([power | some e in numbers.range(0, k - i); power := _power((2 * n) - 1, e)])
]

# fits: the smallest weights are numbers that Karmada's field, an int64, can hold.
fits(k, n) if {
	k <= 64
	_power((2 * n) - 1, k - 1) < 4000000000000000000
}

_power(base, exponent) := product([base | some i in numbers.range(0, exponent); i < exponent])

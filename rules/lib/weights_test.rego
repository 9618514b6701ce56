package lib.weights_test

import data.lib.weights

# What a running Karmada 1.18.2 did.
test_webster_as_seen if {
	seen := [
		[[3, 2, 1], 2, [1, 1, 0]],
		[[3, 2, 1], 3, [1, 1, 1]],
		[[3, 2, 1], 4, [2, 1, 1]],
		[[3, 2, 1], 6, [3, 2, 1]],
		[[2, 1], 3, [2, 1]],
		[[100, 10, 1], 3, [3, 0, 0]],
		[[100, 10, 1], 5, [5, 0, 0]],
		[[100, 10, 1], 6, [5, 1, 0]],
		[[31, 6, 1], 3, [3, 0, 0]],
		[[30, 6, 1], 3, [2, 1, 0]],
		[[0, 0], 3, [2, 1]],
	]
	every case in seen {
		weights.webster(case[0], case[1]) == case[2]
	}
}

test_remainder if {
	cases := [
		[[3, 2, 1], 3, [2, 1, 0]],
		[[1, 1, 1], 3, [1, 1, 1]],
		[[2, 1], 3, [2, 1]],
		[[4, 1, 1], 3, [3, 0, 0]],
		[[3, 1, 1], 3, [2, 1, 0]],
		[[8, 3, 1], 3, [3, 0, 0]],
		[[0, 0], 3, [2, 1]],
	]
	every case in cases {
		weights.remainder(case[0], case[1]) == case[2]
	}
}

# All are placed, however many there are.
test_webster_of_many if {
	every n in [1, 499, 2000000000] {
		sum(weights.webster(numbers.range(300, 1), n)) == n
	}
}

test_first_split if {
	weights.first_split([3, 2, 1], 3, "webster") == 0
	weights.first_split([30, 6, 1], 3, "webster") == 0
	weights.first_split([31, 5, 1], 3, "webster") == 1
	weights.first_split([1, 0, 0], 3, "webster") == 1
	weights.first_split([1, 0, 0], 3, "remainder") == 1
	weights.first_split([2, 2], 1, "webster") == 0
	weights.first_split([8, 2, 1], 3, "remainder") == 1
	weights.first_split([9, 1, 3], 1, "webster") == 1
	weights.first_split([100, 2, 1, 5], 3, "remainder") == 1
	weights.first_split(array.concat([1000000], numbers.range(3000, 1)), 2, "webster") == 1
	not weights.first_split([31, 6, 1], 3, "webster")
	not weights.first_split([31, 6, 1], 3, "remainder")
	not weights.first_split([8, 3, 1], 3, "remainder")
	not weights.first_split([3, 2, 1], 1, "webster")
	not weights.first_split([1], 3, "webster")
}

# The bounds say what the division does, for all small weights. Of equal weights the division here serves the first, a
# real one any of them, so those are left to test_first_split.
test_bounds_are_exact if {
	bounds := {[w, n, method] |
		some [w, n] in _cases
		some method in ["webster", "remainder"]
		weights.first_split(w, n, method) == 0
	}
	bounds == {[w, n, "webster"] | some [w, n] in _cases; weights.webster(w, n)[0] < n} | {[w, n, "remainder"] | some [w, n] in _cases; weights.remainder(w, n)[0] < n}
}

_cases contains [w, n] if {
	some a in numbers.range(2, 11)
	some b in numbers.range(1, 2)
	some c in numbers.range(0, 2)
	a > b
	b > c
	some n in numbers.range(1, 3)
	w := array.concat([a, b], [c | c > 0])
}

test_smallest if {
	weights.smallest(3, 3) == [31, 6, 1]
	weights.smallest(3, 2) == [13, 4, 1]
	weights.smallest(3, 1) == [3, 2, 1]
	weights.smallest(2, 10) == [20, 1]
	weights.smallest(1, 3) == [1]
}

test_smallest_holds_and_less_does_not if {
	every n in numbers.range(1, 8) {
		every k in numbers.range(2, 4) {
			w := weights.smallest(k, n)
			not weights.first_split(w, n, "webster")
			not weights.first_split(w, n, "remainder")
			every i in numbers.range(0, k - 2) {
				weights.first_split(_one_less(w, i), n, "webster") == i
			}
		}
	}
}

_one_less(w, at) := [x |
	some i, v in w
	x := v - count([1 | i == at])
]

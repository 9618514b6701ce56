package serving

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
)

// spare is memory for reviews, in bytes, beside as much again as a fleet takes for its collection.
const spare = 64 << 20

// unbindMemory lets the program take what it needs, as while a fleet is read: that takes more than keeping it, and is
// soon over. GOMEMLIMIT in the environment wins.
func unbindMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(math.MaxInt64)
	}
}

// bindMemory gives back what is not needed any more, and bounds the rest. A fleet is kept for days, and what reviews
// add to it is garbage: under a flood of large ones it is collected more often before the program grows.
func bindMemory() {
	debug.FreeOSMemory()
	if os.Getenv("GOMEMLIMIT") == "" {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		debug.SetMemoryLimit(int64(3*now.HeapAlloc) + spare)
	}
}

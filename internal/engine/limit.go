package engine

import (
	"fmt"
	"maps"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

const (
	// maxTime is how long the rules may judge one subject. The slowest of real fleets takes a tenth of a second.
	maxTime = 10 * time.Second
	// maxMemory is how much live memory may be added meanwhile, in bytes. Before the garbage collector has
	// seen it, it is twice as much.
	maxMemory = 512 << 20
	// between is the time between two looks at what is going on.
	between = 20 * time.Millisecond
)

// guard stops an evaluation: when all of them are to stop, or when this one goes beyond its limits. It is OPA's
// topdown.Cancel, which OPA asks at every expression and in every built-in that may take long.
type guard struct {
	all     *atomic.Bool
	over    atomic.Pointer[string] // which limit; nil for none
	started atomic.Int64           // in nanoseconds since 1970; 0 between evaluations
	live    atomic.Int64           // the memory at the first look at the present evaluation, in bytes; 0 before it
}

func (g *guard) Cancel()         { g.all.Store(true) }
func (g *guard) Cancelled() bool { return g.all.Load() || g.over.Load() != nil }

func (g *guard) start() {
	g.over.Store(nil)
	g.live.Store(0)
	g.started.Store(time.Now().UnixNano())
}

// end tells which limit the evaluation went beyond; empty for none.
func (g *guard) end() string {
	g.started.Store(0)
	if over := g.over.Load(); over != nil {
		return *over
	}
	return ""
}

// watch looks at the guards until stop is called. Of an evaluation that is done before the first look it costs a timer.
func watch(guards []*guard) (stop func()) {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var mu sync.Mutex
	stopped := false
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(between, func() {
		mu.Lock()
		defer mu.Unlock()
		if stopped {
			return
		}
		metrics.Read(sample)
		look(guards, time.Now(), int64(sample[0].Value.Uint64()))
		timer.Reset(between)
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}

// look stops what takes too long, and of those during which the memory has grown too much the one that began first.
func look(guards []*guard, now time.Time, live int64) {
	var grown *guard
	for _, g := range guards {
		started, before := g.started.Load(), g.live.Load()
		switch {
		case started == 0 || g.over.Load() != nil:
			continue
		case before == 0:
			g.live.Store(live)
		case live-before > maxMemory && (grown == nil || started < grown.started.Load()):
			grown = g
		}
		if now.Sub(time.Unix(0, started)) > maxTime {
			over := fmt.Sprintf("takes longer than %v", maxTime)
			g.over.Store(&over)
		}
	}
	if grown != nil {
		over := fmt.Sprintf("takes more than %d MiB of memory", maxMemory>>20)
		grown.over.CompareAndSwap(nil, &over)
	}
}

// oneByOne judges a subject by one rule after another, to find the one that goes beyond the limits. Where none
// does, as when the memory was another's, the findings are those of all. A rule that does is an error where
// nothing can be found without it.
func (e *Engine) oneByOne(evaluate *evaluation, p ruleSet, s *fleet.Subject) ([]fleet.Finding, error) {
	var all []fleet.Finding
	for _, rule := range p.rules {
		found, over, err := e.evaluate(evaluate, newRuleSet([]*Rule{rule}), s)
		if over != "" {
			err = fmt.Errorf("rule %q %s", rule.ID, over)
			if evaluate.stopped != nil {
				evaluate.stopped.add(rule.ID, fmt.Errorf("judge %s: %w", describe(s), err))
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// StoppedError is the error of a run in which rules went beyond a limit. They judged nothing; what the
// other rules found stands.
type StoppedError struct {
	// Rules are the rules, by ID, each with the subject and the limit.
	Rules map[string]error
}

// Error is a sentence for each rule, in the order of their IDs.
func (s *StoppedError) Error() string {
	var all []string
	for _, id := range slices.Sorted(maps.Keys(s.Rules)) {
		all = append(all, s.Rules[id].Error())
	}
	return strings.Join(all, "\n")
}

// stopped are the rules that went beyond a limit in one run: no subject after that is judged by
// them. Safe for concurrent use.
type stopped struct {
	mu    sync.Mutex
	rules map[string]error
}

func (s *stopped) add(rule string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rules == nil {
		s.rules = map[string]error{}
	}
	if s.rules[rule] == nil {
		s.rules[rule] = err
	}
}

// has tells whether a rule is stopped; nil has none.
func (s *stopped) has(rule string) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rules[rule] != nil
}

// outOf is the ruleSet without the rules that are stopped.
func (s *stopped) outOf(p ruleSet) ruleSet {
	isStopped := func(r *Rule) bool { return s.has(r.ID) }
	if s == nil || !slices.ContainsFunc(p.rules, isStopped) {
		return p
	}
	return newRuleSet(slices.DeleteFunc(slices.Clone(p.rules), isStopped))
}

// err is nil where no rule is stopped.
func (s *stopped) err() error {
	if len(s.rules) == 0 {
		return nil
	}
	return &StoppedError{s.rules}
}

var _ topdown.Cancel = (*guard)(nil)

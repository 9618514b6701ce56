package serving

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// maxHanging is how many loads may go on after they were given up, and one be done all the same. Each keeps a
// processor and what it has read.
const maxHanging = 2

// loads are done one after the other, each within a limit of time. One that does not end when it is told to is left
// behind, so that it holds up no other; while too many have been left behind, there are no further ones.
type loads struct {
	limit time.Duration
	turn  chan struct{}
	// begun has an entry for each load that has not ended.
	begun chan struct{}
}

func newLoads(limit time.Duration) *loads {
	return &loads{limit: limit, turn: make(chan struct{}, 1), begun: make(chan struct{}, maxHanging+1)}
}

// run does one load. The load's context ends with ctx and at the limit; from then on it must change nothing.
func (l *loads) run(ctx context.Context, load func(context.Context) error) error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case l.begun <- struct{}{}:
	default:
		return fmt.Errorf("%d loads that were given up have not ended yet", maxHanging+1)
	}
	tooLong := fmt.Errorf("it did not load within %s (--load-timeout)", l.limit)
	within, cancel := context.WithTimeoutCause(ctx, l.limit, tooLong)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer func() { <-l.begun }()
		done <- guarded(within, load)
	}()
	var err error
	select {
	case err = <-done:
	case <-within.Done():
		select { // it may be about to end
		case err = <-done:
		case <-time.After(min(time.Second, l.limit)):
			err = within.Err()
		}
	}
	if err != nil && within.Err() != nil {
		return context.Cause(within)
	}
	return err
}

// guarded is a load whose panic is an error: the last good fleet goes on serving.
func guarded(ctx context.Context, load func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil { // its text may quote what was read
			err = fmt.Errorf("the load has failed: this is a bug of Rollcall: %s", Callers()[0])
		}
	}()
	return load(ctx)
}

// Callers are the functions that led to a panic, without their arguments.
func Callers() []string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var all []string
	for {
		f, more := frames.Next()
		all = append(all, fmt.Sprintf("%s:%d", f.Function, f.Line))
		if !more {
			return all
		}
	}
}

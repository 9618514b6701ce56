package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress is one line on a terminal that says what takes so long.
type progress struct {
	w     io.Writer
	quiet time.Duration
	start time.Time
	done  chan struct{}
	ended sync.WaitGroup
	once  sync.Once

	mu    sync.Mutex
	stage string
}

// startProgress shows progress on stderr, if that is a terminal, once the run takes longer than a second.
func (a *app) startProgress() *progress {
	p := &progress{w: a.stderr, quiet: time.Second, start: time.Now(), done: make(chan struct{})}
	if a.isTerminal(a.stderr) {
		p.ended.Go(p.show)
	}
	return p
}

// say names what is being done.
func (p *progress) say(stage string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stage = stage
}

// stop takes the line away. It may be called twice.
func (p *progress) stop() {
	p.once.Do(func() { close(p.done) })
	p.ended.Wait()
}

func (p *progress) show() {
	tick := time.NewTicker(p.quiet)
	defer tick.Stop()
	shown := false
	for {
		select {
		case <-p.done:
			if shown {
				fmt.Fprint(p.w, "\r\x1b[K")
			}
			return
		case <-tick.C:
			p.mu.Lock()
			fmt.Fprintf(p.w, "\r\x1b[K%s, %ds", p.stage, int(time.Since(p.start).Seconds()))
			p.mu.Unlock()
			shown = true
		}
	}
}

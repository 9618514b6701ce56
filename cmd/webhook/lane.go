package main

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// lane lets reviews be judged, as many at once as there are processors, and bounds how many wait. Clients take turns,
// and so do the users of one client: whoever asks most waits longest.
// A review that has had a moment gives its processor to the next, and goes on beside it until its deadline: what is
// slow costs others no more than a share of the processors' time.
type lane struct {
	// moment is how long a review keeps a processor to itself; 0 for as long as it takes.
	moment time.Duration
	// slowest is how many may go on after their moment. With one more the oldest is ended.
	slowest int

	mu      sync.Mutex
	free    int // processors
	room    int // for how many more reviews to be judged or wait
	waiting []*waiter
	slow    []*place
	turns   int
	// began is the turn in which a review of a client began last, and one of its user; for those that may wait.
	began map[asker]int
}

// asker is who asks: an address, and the user in whose name it asks; of an address as a whole the user is "*".
type asker struct {
	address netip.Prefix
	user    string
}

func (c asker) whole() asker { return asker{c.address, "*"} }

type waiter struct {
	asker
	turn chan error
}

// place is a review's in a lane.
type place struct {
	lane   *lane
	cancel context.CancelCauseFunc
	passed bool // its processor, and its room, are another's
	timer  *time.Timer
}

// maxBegan bounds how many clients are remembered.
const maxBegan = 1000

func newLane(processors, reviews int, moment time.Duration) *lane {
	return &lane{moment: moment, slowest: 4 * processors, free: processors, room: reviews, began: map[asker]int{}}
}

// full is true while there is room for nobody who asks as much as others do.
func (l *lane) full(who asker) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.room == 0 && l.crowd(who) == nil
}

// enter waits until a review may be judged. The cancel function ends it. An error is errBusy, or that of ctx.
func (l *lane) enter(ctx context.Context, who asker, cancel context.CancelCauseFunc) (*place, error) {
	p := &place{lane: l, cancel: cancel}
	l.mu.Lock()
	if l.room == 0 {
		w := l.crowd(who)
		if w == nil {
			l.mu.Unlock()
			return nil, errBusy
		}
		l.remove(w)
		w.turn <- errBusy
	}
	l.room--
	if l.free > 0 {
		l.free--
		l.begin(who)
		l.mu.Unlock()
		p.watch()
		return p, nil
	}
	w := &waiter{who, make(chan error, 1)}
	l.waiting = append(l.waiting, w)
	l.mu.Unlock()
	var err error
	select {
	case err = <-w.turn:
	case <-ctx.Done():
		l.mu.Lock()
		waits := l.remove(w)
		l.mu.Unlock()
		if waits {
			return nil, ctx.Err()
		}
		err = <-w.turn // at the same moment
	}
	if err != nil {
		return nil, err
	}
	p.watch()
	return p, nil
}

// remove takes a review out of those that wait, unless it does not wait any more.
func (l *lane) remove(w *waiter) bool {
	i := slices.Index(l.waiting, w)
	if i < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	l.room++
	return true
}

// crowd is the review that makes room for one of a client: the last of whoever has most of them waiting,
// and more than that client.
func (l *lane) crowd(who asker) *waiter {
	n := map[asker]int{}
	for _, w := range l.waiting {
		n[w.asker]++
		n[w.whole()]++
	}
	var most *waiter
	for _, w := range l.waiting {
		if most == nil || n[w.whole()] > n[most.whole()] || w.address == most.address && n[w.asker] >= n[most.asker] {
			most = w
		}
	}
	if most == nil || n[most.whole()] <= n[who.whole()] && (most.address != who.address || n[most.asker] <= n[who]) {
		return nil
	}
	return most
}

// begin notes whose turn it was.
func (l *lane) begin(who asker) {
	if len(l.began) >= maxBegan {
		clear(l.began)
	}
	l.turns++
	l.began[who], l.began[who.whole()] = l.turns, l.turns
}

// next gives a processor to the review whose client, and user, has had none for longest.
func (l *lane) next() {
	if len(l.waiting) == 0 {
		l.free++
		return
	}
	first := l.waiting[0]
	for _, w := range l.waiting[1:] {
		a, b := l.began[w.whole()], l.began[first.whole()]
		if a < b || a == b && w.address == first.address && l.began[w.asker] < l.began[first.asker] {
			first = w
		}
	}
	i := slices.Index(l.waiting, first)
	l.waiting = slices.Delete(l.waiting, i, i+1)
	l.begin(first.asker)
	first.turn <- nil
}

// watch has a review pass its processor on after its moment.
func (p *place) watch() {
	if p.lane.moment > 0 {
		p.timer = time.AfterFunc(p.lane.moment, p.pass)
	}
}

func (p *place) pass() {
	l := p.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.passed {
		return
	}
	p.passed = true
	l.room++
	l.next()
	if l.slow = append(l.slow, p); len(l.slow) > l.slowest {
		l.slow[0].cancel(errBusy)
		l.slow = l.slow[1:]
	}
}

// leave is called once for each place.
func (p *place) leave() {
	if p.timer != nil {
		p.timer.Stop()
	}
	l := p.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.slow, p); i >= 0 {
		l.slow = slices.Delete(l.slow, i, i+1)
	}
	if !p.passed {
		p.passed = true
		l.room++
		l.next()
	}
}

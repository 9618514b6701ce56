package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// connections bounds how many connections a server has. Once there are as many as may be, one that waits for its client
// is closed for each new one: of the client that has the most, one that never had a verdict sooner than one that had,
// and of these the one that has waited longest. So nobody is shut out by those who only keep connections open.
type connections struct {
	net.Listener
	most int

	mu      sync.Mutex
	open    map[*connection]struct{}
	clients map[netip.Prefix]int // how many each has
}

func bounded(l net.Listener, most int) *connections {
	return &connections{Listener: l, most: most, open: map[*connection]struct{}{}, clients: map[netip.Prefix]int{}}
}

// connection is one that is open. Its listener's mutex guards its fields.
type connection struct {
	net.Conn
	of     *connections
	client netip.Prefix
	// sending: the body of a review is on its way. Busy: what was asked has arrived, and is not answered yet. Served:
	// there was a verdict on it.
	sending, busy, served bool
	since                 time.Time // when it began to wait
}

func (l *connections) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &connection{Conn: raw, of: l, client: clientOf(raw.RemoteAddr().String()), since: time.Now()}
		l.mu.Lock()
		l.open[c] = struct{}{}
		l.clients[c.client]++
		var last *connection
		if len(l.open) > l.most {
			last = l.last()
		}
		l.mu.Unlock()
		if last != nil {
			last.Close()
		}
		if last != c {
			return c, nil
		}
	}
}

// last is the connection that is closed first.
func (l *connections) last() (last *connection) {
	for c := range l.open {
		if !c.busy && (last == nil || c.before(last)) {
			last = c
		}
	}
	return last
}

// before is true where a connection is closed before another.
func (c *connection) before(o *connection) bool {
	if n, m := c.of.clients[c.client], c.of.clients[o.client]; n != m {
		return n > m
	}
	if c.served != o.served {
		return o.served
	}
	return c.since.Before(o.since)
}

func (c *connection) Close() error {
	c.of.mu.Lock()
	if _, open := c.of.open[c]; open {
		delete(c.of.open, c)
		if c.of.clients[c.client]--; c.of.clients[c.client] == 0 {
			delete(c.of.clients, c.client)
		}
	}
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// clientOf is what counts as one client: an address, of IPv6 the 64 bits that one machine has for itself.
func clientOf(address string) netip.Prefix {
	of, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Prefix{}
	}
	ip := of.Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	client, _ := ip.Prefix(bits)
	return client
}

// stalledAfter is how long the body of a review may be on its way before its connection may be closed for another.
const stalledAfter = time.Second

// stalled closes, of the connections beside that of ctx, the first of those whose review has been on its way for long:
// what it has taken is then given back. False where there is none.
func stalled(ctx context.Context) func() bool {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	if c == nil {
		return func() bool { return false }
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.sending, c.since = true, time.Now()
	return func() bool {
		c.of.mu.Lock()
		var last *connection
		for o := range c.of.open {
			if o != c && o.sending && time.Since(o.since) > stalledAfter && (last == nil || o.before(last)) {
				last = o
			}
		}
		c.of.mu.Unlock()
		if last == nil {
			return false
		}
		last.Close()
		return true
	}
}

// arrived notes that what was asked on a connection is there in full, until answered is called with whether it came to
// a verdict. It does nothing for a context that is not of one of these connections.
func arrived(ctx context.Context) (answered func(served bool)) {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	if c == nil {
		return func(bool) {}
	}
	c.of.mu.Lock()
	c.sending, c.busy = false, true
	c.of.mu.Unlock()
	return func(served bool) {
		c.of.mu.Lock()
		defer c.of.mu.Unlock()
		c.busy, c.served, c.since = false, c.served || served, time.Now()
	}
}

type connectionKey struct{}

// withConnection is http.Server.ConnContext.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	if encrypted, ok := c.(*tls.Conn); ok {
		c = encrypted.NetConn()
	}
	return context.WithValue(ctx, connectionKey{}, c)
}

// short answers requests without a body.
func short(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answered := arrived(r.Context())
		defer answered(true)
		h.ServeHTTP(w, r)
	})
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/semaphore"
)

// limits bound what reviews may take.
type limits struct {
	reviews     int
	body        int64
	bodies      int64
	readTimeout time.Duration
}

func (l *limits) add(flags *pflag.FlagSet) {
	flags.IntVar(&l.reviews, "max-reviews", 64,
		"how many reviews of up to 64 KiB, and how many larger ones, are judged or wait for a processor; what is beyond is told to come again")
	// An API server takes writes of up to 3 MiB, and a review has the object as it was and as it will be:
	// https://github.com/kubernetes/apiserver/blob/v0.36.0/pkg/server/config.go, "MaxRequestBodyBytes".
	flags.Int64Var(&l.body, "max-body", 7<<20, "the most `bytes` that one review may have")
	flags.Int64Var(&l.bodies, "max-bodies", 16<<20,
		"the most `bytes` that all reviews of more than 64 KiB that are read or judged may have together")
	flags.DurationVar(&l.readTimeout, "read-timeout", 10*time.Second, "how long a client may take to send a review")
}

func (l *limits) check() error {
	switch {
	case l.reviews < 1:
		return fmt.Errorf("--max-reviews %d: the least is 1", l.reviews)
	case l.body < 1<<10:
		return fmt.Errorf("--max-body %d: the least is 1024", l.body)
	case l.bodies < 2*l.body:
		return fmt.Errorf("--max-bodies %d: the least is twice --max-body", l.bodies)
	case l.readTimeout <= 0:
		return fmt.Errorf("--read-timeout %s: not a time", l.readTimeout)
	}
	return nil
}

var (
	errBusy     = errors.New("too many bytes are being read")
	errTooLarge = errors.New("larger than --max-body")
)

// budget is memory for the bodies of reviews, in bytes.
type budget struct{ *semaphore.Weighted }

// await waits for memory that is about to be given back.
func (b budget) await(n int64) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 250*time.Millisecond)
	defer cancel()
	return b.Acquire(ctx, n) == nil
}

// body is what was read, and what of the budget it holds until it is released.
type body struct {
	data   []byte
	budget budget
	held   int64
}

func (b *body) release() {
	b.budget.Release(b.held)
	buffers.put(b.data)
	b.data, b.held = nil, 0
}

// buffers are those that bodies were read into, by the power of two that their size is: under a flood of large reviews
// they would be most of the garbage.
var buffers pools

type pools [64]sync.Pool

func (p *pools) get(size int64) []byte {
	if size&(size-1) == 0 {
		if buffer, ok := p[bits.TrailingZeros64(uint64(size))].Get().(*[]byte); ok {
			return (*buffer)[:0]
		}
	}
	return make([]byte, 0, size)
}

func (p *pools) put(buffer []byte) {
	if size := cap(buffer); size > 0 && size&(size-1) == 0 {
		p[bits.TrailingZeros(uint(size))].Put(&buffer)
	}
}

// read reads to the end, at most so many bytes. It takes of the budget as the bytes arrive: a slow client holds no more
// than it has sent, whatever it said that it would send. Where there is no room left, stalled makes some, if it can.
// The body is to be released, also after an error.
func (b budget) read(r io.Reader, most int64, stalled func() bool) (*body, error) {
	read := &body{budget: b}
	for {
		if len(read.data) == cap(read.data) {
			grown := min(max(16<<10, 2*int64(cap(read.data))), most+1)
			if grown == int64(cap(read.data)) {
				return read, errTooLarge
			}
			// While it is copied, the old one is there too.
			if !b.TryAcquire(grown) && (!stalled() || !b.await(grown)) {
				return read, errBusy
			}
			data := append(buffers.get(grown), read.data...)
			b.Release(read.held)
			buffers.put(read.data)
			read.data, read.held = data, grown
		}
		n, err := r.Read(read.data[len(read.data):cap(read.data)])
		read.data = read.data[:len(read.data)+n]
		if errors.Is(err, io.EOF) {
			if int64(len(read.data)) > most {
				err = errTooLarge
			} else {
				err = nil
			}
			return read, err
		}
		if err != nil {
			return read, err
		}
	}
}

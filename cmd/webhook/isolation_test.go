package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/rollcall-dev/rollcall/internal/admission"
)

// TestIdleConnections keeps more connections open than there may be: none of them shuts out a review, or a probe.
func TestIdleConnections(t *testing.T) {
	r := start(t, "--fleet", "../../testdata/fleet", "--self-signed", "--read-timeout", "1m")
	address := strings.TrimPrefix(r.reviews, "https://")
	idle := func(n int, open func() (net.Conn, error)) {
		t.Helper()
		var opening sync.WaitGroup
		for range 20 {
			opening.Go(func() {
				for range n / 20 {
					conn, err := open()
					if err != nil {
						continue // closed for another while its hands were shaken
					}
					t.Cleanup(func() { conn.Close() })
				}
			})
		}
		opening.Wait()
	}
	for name, open := range map[string]func() (net.Conn, error){
		"after TLS": func() (net.Conn, error) {
			return tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		},
		"before TLS": func() (net.Conn, error) { return net.Dial("tcp", address) },
	} {
		t.Run(name, func(t *testing.T) {
			idle(maxConnections+200, open)
			for range 3 {
				r.client.CloseIdleConnections()
				begun := time.Now()
				if r.ask(karmada+"?timeout=30s", "seed-policy.json").Allowed {
					t.Error("allowed")
				}
				if took := time.Since(begun); took > 10*time.Second {
					t.Errorf("it took %s", took)
				}
			}
		})
	}
	t.Run("half a review", func(t *testing.T) {
		body := testdata(t, "seed-policy.json")
		body = append(body, bytes.Repeat([]byte(" "), fewBytes-len(body))...)
		idle(maxConnections+200, func() (net.Conn, error) {
			conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
			if err == nil {
				fmt.Fprintf(conn,
					"POST %s?timeout=30s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
					karmada, len(body), body[:len(body)-1])
			}
			return conn, err
		})
		time.Sleep(stalledAfter)
		if r.ask(karmada+"?timeout=30s", "seed-policy.json").Allowed {
			t.Error("allowed")
		}
	})
	t.Run("probes", func(t *testing.T) {
		idle(maxConnections+200, func() (net.Conn, error) {
			return net.Dial("tcp", strings.TrimPrefix(r.status, "http://"))
		})
		http.DefaultClient.CloseIdleConnections()
		if code, text := r.get("/healthz"); code != http.StatusOK {
			t.Errorf("%d %s", code, text)
		}
	})
}

// TestWhichConnectionIsClosed has connections of several clients.
func TestWhichConnectionIsClosed(t *testing.T) {
	now := time.Now()
	l := bounded(nil, 0)
	add := func(address string, age int, is func(*connection)) *connection {
		c := &connection{Conn: &net.TCPConn{}, of: l, client: clientOf(address),
			since: now.Add(-time.Duration(age) * time.Second)}
		is(c)
		l.open[c] = struct{}{}
		l.clients[c.client]++
		return c
	}
	waits, served, busy := func(*connection) {}, func(c *connection) {
		c.served = true
	}, func(c *connection) { c.busy = true }
	order := []*connection{
		// its share is the largest
		add("10.0.0.9:1", 2, waits), add("10.0.0.9:2", 1, waits), add("10.0.0.9:3", 9, served),
		add("[2001:db8::1]:1", 8, waits), add("[2001:db8::2]:1", 7, served), // one client; then as few as any
		add("10.0.0.1:1", 99, served),
	}
	add("10.0.0.9:4", 99, busy)
	var got []int
	for c := l.last(); c != nil; c = l.last() {
		got = append(got, slices.Index(order, c))
		delete(l.open, c)
		l.clients[c.client]--
	}
	// As it loses connections, the first client has no more than others.
	if want := []int{0, 1, 3, 2, 5, 4}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// try enters for a moment in which began is called.
func (l *lane) try(ctx context.Context, who asker, began func()) (left func() error) {
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithCancelCause(ctx)
		p, err := l.enter(ctx, who, cancel)
		if err == nil {
			began()
			p.leave()
		}
		done <- err
	}()
	return func() error { return <-done }
}

func (l *lane) waits(t *testing.T, n int) {
	t.Helper()
	for late := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		waiting := len(l.waiting)
		l.mu.Unlock()
		if waiting == n {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("%d wait, not %d", waiting, n)
		}
	}
}

// TestTurns has several clients and users wait for one processor.
func TestTurns(t *testing.T) {
	l := newLane(1, 7, 0)
	flood, other := clientOf("10.0.0.9:1"), clientOf("10.0.0.1:1")
	first, err := l.enter(t.Context(), asker{flood, "a"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	var left []func() error
	wait := func(who asker, name string) {
		left = append(left, l.try(t.Context(), who, func() { order = append(order, name) }))
		l.waits(t, len(left))
	}
	for i := range 4 {
		wait(asker{flood, "a"}, fmt.Sprint("a", i))
	}
	wait(asker{flood, "b"}, "b")
	wait(asker{other, "c"}, "c")
	if !l.full(asker{flood, "a"}) || l.full(asker{flood, "b"}) || l.full(asker{other, "c"}) ||
		l.full(asker{other, "d"}) {
		t.Error("who asks most has no room, and the others have")
	}
	if _, err := l.enter(t.Context(), asker{flood, "a"}, nil); !errors.Is(err, errBusy) {
		t.Errorf("%v", err)
	}
	second := l.try(t.Context(), asker{other, "c"}, func() { order = append(order, "c again") })
	if err := left[3](); !errors.Is(err, errBusy) {
		t.Errorf("the last of whoever asks most: %v", err)
	}
	l.waits(t, 6)
	first.leave()
	for i, left := range append(slices.Delete(left, 3, 4), second) {
		if err := left(); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if got, want := strings.Join(order, ", "), "c, b, c again, a0, a1, a2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if l.room != 7 || l.free != 1 || len(l.waiting) != 0 {
		t.Errorf("%d %d %d", l.room, l.free, len(l.waiting))
	}
}

// TestDeafReviews sends reviews that are never judged, and heed no deadline, by one user: those of another have their
// verdicts, and the others are answered in time.
func TestDeafReviews(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	h := handlerOf(fake(func(ctx context.Context, _ string, req *admissionv1.AdmissionRequest) (*admission.Verdict,
		error) {
		if req.Name == "deaf" {
			<-end
		}
		return allow(ctx, "", req)
	}))
	s := httptest.NewServer(h)
	defer s.Close()
	defer close(end)
	ask := func(user, name string, size int) (int, error) {
		body := review("uid", fmt.Sprintf(`,"name":%q,"userInfo":{"username":%q}`, name, user))
		body += strings.Repeat(" ", max(0, size-len(body)))
		answer, err := http.Post(s.URL+"/validate/a?timeout=2s", "application/json", strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		defer answer.Body.Close()
		_, err = io.Copy(io.Discard, answer.Body)
		return answer.StatusCode, err
	}
	for _, size := range []int{0, 2 * fewBytes} {
		ctx, stop := context.WithCancel(t.Context())
		var deaf sync.WaitGroup
		for range 8 {
			deaf.Go(func() {
				for ctx.Err() == nil {
					code, err := ask("flood", "deaf", size)
					if err != nil || code != http.StatusGatewayTimeout && code != http.StatusTooManyRequests {
						t.Errorf("%d %v", code, err)
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		time.Sleep(300 * time.Millisecond) // they have their processors by now
		for range 5 {
			if code, err := ask("other", "good", 0); code != http.StatusOK || err != nil {
				t.Errorf("beside deaf reviews of %d bytes: %d %v", size, code, err)
			}
		}
		stop()
		deaf.Wait()
	}
}

// TestSlowReviews sends reviews that a rule never ends judging: others have their verdicts.
func TestSlowReviews(t *testing.T) {
	r := revisions{t, filepath.Join(t.TempDir(), "fleet")}
	r.commit(change{
		".rollcall.yaml": kept(t, ".rollcall.yaml") + "rulePaths: [rules]\n",
		"rules/endless.rego": strings.NewReplacer("[Cluster]", "[PropagationPolicy.policy.karmada.io]", "} if {\n",
			"} if {\n\tinput.object.metadata.labels.slow\n").Replace(endless),
	})
	p := start(t, "--fleet", r.link, "--self-signed")
	slow := bytes.Replace(testdata(t, "seed-policy.json"), []byte(`"metadata": {`),
		[]byte(`"metadata": {"labels": {"slow": "x"}, `), -1)
	if bytes.Equal(slow, testdata(t, "seed-policy.json")) {
		t.Fatal("nothing is slow")
	}
	ctx, stop := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	for range 8 {
		flood.Go(func() {
			for ctx.Err() == nil {
				code, _, text, err := p.post(karmada+"?timeout=3s", bytes.NewReader(slow))
				if err != nil || code != http.StatusGatewayTimeout && code != http.StatusTooManyRequests {
					t.Errorf("%d %s %v", code, text, err)
					return
				}
			}
		})
	}
	time.Sleep(500 * time.Millisecond)
	other := bytes.Replace(testdata(t, "seed-policy.json"), []byte(`"kubernetes-admin"`), []byte(`"somebody-else"`), 1)
	for range 5 {
		code, _, text, err := p.post(karmada+"?timeout=10s", bytes.NewReader(other))
		if err != nil || code != http.StatusOK || response(t, text).Allowed {
			t.Errorf("%d %s %v", code, text, err)
		}
	}
	stop()
	flood.Wait()
}

// signed is a certificate of an authority's for a name, and the authority's own where there is no authority.
func signed(t *testing.T, name string, by *tls.Certificate) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true, IsCA: by == nil,
	}
	parent, signer := template, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// TestClientCertificates has the webhook ask its clients for a certificate, and changes the authority.
func TestClientCertificates(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.crt")
	authority := func(ca *tls.Certificate) {
		write(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate[0]})))
		stamp := ca.Leaf.NotAfter // another one for each
		if err := os.Chtimes(file, stamp, stamp.Add(time.Duration(
			ca.Leaf.SerialNumber.Int64()%1000000)*time.Microsecond)); err != nil {
			t.Fatal(err)
		}
	}
	first, second := signed(t, "first", nil), signed(t, "second", nil)
	authority(first)
	r := start(t, "--fleet", "../../testdata/fleet", "--self-signed", "--client-ca", file, "--client-name", "apiserver")
	asks := func(c *tls.Certificate) error {
		config := &tls.Config{InsecureSkipVerify: true}
		if c != nil {
			config.Certificates = []tls.Certificate{*c}
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
		answer, err := client.Post(r.reviews+karmada+"?timeout=30s", "application/json",
			bytes.NewReader(testdata(t, "seed-policy.json")))
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		return nil
	}
	if err := asks(signed(t, "apiserver", first)); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]*tls.Certificate{"without one": nil, "another name": signed(t, "kubelet", first),
		"another authority": signed(t, "apiserver", second), "its own": signed(t, "apiserver", nil)} {
		if asks(c) == nil {
			t.Errorf("%s: let in", name)
		}
	}
	authority(second)
	if err := asks(signed(t, "apiserver", second)); err != nil {
		t.Error(err)
	}
	if asks(signed(t, "apiserver", first)) == nil {
		t.Error("the first authority counts still")
	}
	write(t, file, "none")
	if err := asks(signed(t, "apiserver", second)); err != nil {
		t.Error(err)
	}
	r.logs.find(t, "the authorities of clients could not be read again")
	config := &clientFlags{ca: file}
	if err := config.require(&tls.Config{}, slog.New(slog.DiscardHandler)); err == nil ||
		err.Error() != "--client-ca "+file+": there is no certificate in it" {
		t.Error(err)
	}
}

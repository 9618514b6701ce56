package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load asks again and again, from several clients at once, until it is stopped; every review must have its verdict. It
// returns once each client has been answered.
func (r *running) load(review string) (stop func() int64) {
	ctx, cancel := context.WithCancel(context.Background())
	body := testdata(r.t, review)
	var asked atomic.Int64
	var clients, answered sync.WaitGroup
	for range 4 {
		answered.Add(1)
		clients.Go(func() {
			first := sync.OnceFunc(answered.Done)
			defer first()
			for ctx.Err() == nil {
				code, _, text, err := r.post(karmada+"?timeout=30s", bytes.NewReader(body))
				if err != nil || code != http.StatusOK {
					r.t.Errorf("under load: %d %s %v", code, text, err)
					return
				}
				asked.Add(1)
				first()
			}
		})
	}
	answered.Wait()
	before := asked.Load()
	stop = func() int64 {
		cancel()
		clients.Wait()
		return asked.Load() - before
	}
	r.t.Cleanup(func() { stop() })
	return stop
}

func fleetCopy(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "fleet")
	if err := os.CopyFS(dir, os.DirFS("../../testdata/fleet")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// digest is that of the fleet that is served.
func (r *running) digest() string {
	_, text := r.get("/fleet")
	_, after, _ := strings.Cut(text, `"digest": "`)
	digest, _, _ := strings.Cut(after, `"`)
	return digest
}

// TestFleetChanges changes the fleet under load: to another one, to none that can be loaded, and back.
func TestFleetChanges(t *testing.T) {
	dir := fleetCopy(t)
	r := start(t, "--fleet", dir, "--fleet-interval", "100ms", "--self-signed")
	stop := r.load("labelled-policy.json")
	first := r.digest()

	write(t, filepath.Join(dir, "README.md"), "Another one.\n")
	r.await("the changed fleet is served", func() bool { return r.digest() != first })
	second := r.digest()

	config := filepath.Join(dir, ".rollcall.yaml")
	right, err := os.ReadFile(config)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	write(t, config, "memberz: []\n")
	line := r.logs.find(t, "the fleet could not be loaded")
	if got, want := line["error"], filepath.ToSlash(dir)+
		`/.rollcall.yaml:1:1: `; !strings.HasPrefix(fmt.Sprint(got), want) || line["serving"] != true {
		t.Errorf("%v", line)
	}
	if got := r.digest(); got != second {
		t.Errorf("serving %s, not the last good one, %s", got, second)
	}
	if _, text := r.get("/metrics"); !strings.Contains(text, "\nrollcall_fleet_loads_total{result=\"failure\"} 1\n") {
		t.Error("the failure is not counted")
	}
	if code, _ := r.get("/readyz"); code != http.StatusOK {
		t.Errorf("ready: %d", code)
	}

	write(t, config, string(right)+"\n# mended\n")
	r.await("the mended fleet is served", func() bool { return r.digest() != second })
	if asked := stop(); asked == 0 {
		t.Error("nothing was asked meanwhile")
	}
}

// TestNoFleet starts in a folder without one: it is alive, not ready, and refuses reviews.
func TestNoFleet(t *testing.T) {
	dir := t.TempDir()
	r := launch(t, "--fleet", dir, "--fleet-interval", "100ms", "--self-signed")
	line := r.logs.find(t, "the fleet could not be loaded")
	if want := filepath.ToSlash(dir) + ": there is no fleet: it has no YAML file"; line["error"] != want ||
		line["serving"] != false {
		t.Errorf("%v", line)
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 500, "/readyz/fleet": 500,
		"/readyz/certificate": 200, "/fleet": 503} {
		if code, text := r.get(path); code != want {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	code, header, text, err := r.post("/validate", bytes.NewReader(testdata(t, "seed-policy.json")))
	if code != http.StatusServiceUnavailable || header.Get("Retry-After") != "1" ||
		!strings.Contains(string(text), "no fleet is loaded yet") || err != nil {
		t.Errorf("%d %v %s %v", code, header, text, err)
	}
}

// mount lays a certificate into a folder as the kubelet mounts a Secret, and removes the one before.
func mount(t *testing.T, dir, version string) *tls.Certificate {
	t.Helper()
	made, err := selfSigned("127.0.0.1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, version, "tls.crt"), string(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Certificate[0]})))
	write(t, filepath.Join(dir, version, "tls.key"), string(
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	before, _ := os.Readlink(filepath.Join(dir, "..data"))
	if err := os.Symlink(version, filepath.Join(dir, "..new")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	if before != "" {
		if err := os.RemoveAll(filepath.Join(dir, before)); err != nil {
			t.Fatal(err)
		}
		return made
	}
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink("..data/"+name, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return made
}

// TestCertificateChanges changes the certificate under load, where every review comes on a connection of its own.
func TestCertificateChanges(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir, "..1")
	r := start(t, "--fleet", "../../testdata/fleet", "--tls-cert", filepath.Join(dir, "tls.crt"), "--tls-key",
		filepath.Join(dir, "tls.key"))
	r.client.Transport.(*http.Transport).DisableKeepAlives = true
	stop := r.load("labelled-policy.json")
	next := mount(t, dir, "..2")
	r.await("the next certificate is served", func() bool {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(r.reviews, "https://"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Error(err)
			return false
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Cmp(next.Leaf.SerialNumber) == 0
	})
	if asked := stop(); asked == 0 {
		t.Error("nothing was asked meanwhile")
	}
	if _, text := r.get("/metrics"); !strings.Contains(text,
		fmt.Sprintf("rollcall_certificate_expiry_timestamp_seconds %v\n", float64(next.Leaf.NotAfter.Unix()))) {
		t.Error("the metric has another expiry")
	}
}

// half sends a review's header and half of its body on a connection of its own.
func (r *running) half(body []byte) *tls.Conn {
	r.t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(r.reviews, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn,
		"POST %s?timeout=30s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		karmada, len(body), body[:len(body)/2])
	return conn
}

func answerOn(t *testing.T, conn io.Reader) (*http.Response, []byte) {
	t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, text
}

// TestShutdown ends the program while a review is on its way: it has its verdict.
func TestShutdown(t *testing.T) {
	t.Parallel()
	r := start(t, "--fleet", "../../testdata/fleet", "--self-signed", "--shutdown-delay", "5s", "--read-timeout", "1m")
	body := testdata(t, "seed-policy.json")
	conn := r.half(body)
	idle := r.load("labelled-policy.json")
	r.stop()
	r.await("it is no longer ready", func() bool {
		code, _ := r.get("/readyz/shutdown")
		return code == http.StatusInternalServerError
	})
	// Until clients know, it goes on answering, and has them open another connection for the next review.
	code, header, _, err := r.post(karmada, bytes.NewReader(body))
	if code != http.StatusOK || err != nil {
		t.Errorf("while shutting down: %d %v %v", code, header, err)
	}
	if asked := idle(); asked == 0 {
		t.Error("nothing was asked meanwhile")
	}
	r.logs.find(t, "shutting down")
	if _, err := conn.Write(body[len(body)/2:]); err != nil {
		t.Fatal(err)
	}
	answer, text := answerOn(t, conn)
	if answer.StatusCode != http.StatusOK || !answer.Close || response(t, text).Allowed {
		t.Errorf("%d %v %s", answer.StatusCode, answer.Header, text)
	}
	if code := r.ended(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestSlowClients keeps more reviews half sent than are judged at once: that keeps nobody else waiting, and ends.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	r := start(t, "--fleet", "../../testdata/fleet", "--self-signed", "--max-reviews", "2", "--read-timeout", "5s")
	body := testdata(t, "seed-policy.json")
	var slow []*tls.Conn
	for range 10 {
		slow = append(slow, r.half(body))
	}
	silent, err := tls.Dial("tcp", strings.TrimPrefix(r.reviews, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if r.ask(karmada+"?timeout=30s", "seed-policy.json").Allowed {
		t.Error("allowed")
	}
	for _, conn := range slow {
		if answer, text := answerOn(t, conn); answer.StatusCode != http.StatusRequestTimeout ||
			!strings.Contains(string(text), "did not arrive in time") {
			t.Errorf("%d %s", answer.StatusCode, text)
		}
	}
	if n, err := silent.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("a client that says nothing is kept")
	}
}

// TestLargeBodies sends 100 MiB, with and without saying so: they are refused, and never held.
func TestLargeBodies(t *testing.T) {
	r := start(t, "--fleet", "../../testdata/fleet", "--self-signed")
	r.client.Transport.(*http.Transport).ExpectContinueTimeout = time.Minute
	const size = 100 << 20
	for _, announced := range []bool{true, false} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		req, err := http.NewRequest("POST", r.reviews+karmada, io.LimitReader(spaces{}, size))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if announced {
			req.ContentLength = size
			req.Header.Set("Expect", "100-continue")
		}
		answer, err := r.client.Do(req)
		switch {
		case err == nil:
			text, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if answer.StatusCode != http.StatusRequestEntityTooLarge ||
				!strings.Contains(string(text), "larger than --max-body") {
				t.Errorf("%d %s", answer.StatusCode, text)
			}
		case announced:
			t.Error(err)
		default: // the connection was closed while the client was still sending
			r.await("the refusal is counted", func() bool {
				_, text := r.get("/metrics")
				return strings.Contains(text,
					`rollcall_admission_requests_total{operation="unknown",verdict="too-large"} 2`)
			})
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("announced %v: %d MiB were allocated", announced, took>>20)
		}
	}
	if r.ask(karmada+"?timeout=30s", "seed-policy.json").Allowed {
		t.Error("allowed")
	}
}

// spaces is a body without an end.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

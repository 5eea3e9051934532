// Command demo is the service that the real suite delivers. It listens on :8080.
//
//	/         the version, also as header X-Version; a share of the answers is 500, all of them late by DELAY_MS
//	/healthz  200 while ready, 503 when not: for readiness probes
//	/metrics  http_requests_total{version,code} in the Prometheus text format
//	/flip     changes this pod until it is restarted, and answers what now holds:
//	          ?ready=0 or ?ready=1 (readiness; requests are answered all the same), ?rate=0.5 (share of 500s, 0 to 1)
//
// The environment gives the start values: VERSION, ERROR_RATE (0 to 1), DELAY_MS. On SIGTERM it answers on for two seconds,
// because proxies learn of an endpoint's end a little later than the pod does.
package main

import (
	"context"
	"fmt"
	"math"
	"math/rand"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	version := os.Getenv("VERSION")
	delay, _ := strconv.Atoi(os.Getenv("DELAY_MS"))
	startRate, _ := strconv.ParseFloat(os.Getenv("ERROR_RATE"), 64)
	var good, bad atomic.Int64
	var unready atomic.Bool
	var rate atomic.Uint64
	rate.Store(math.Float64bits(startRate))

	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if unready.Load() {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "# TYPE http_requests_total counter")
		fmt.Fprintf(w, "http_requests_total{version=%q,code=\"200\"} %d\n", version, good.Load())
		fmt.Fprintf(w, "http_requests_total{version=%q,code=\"500\"} %d\n", version, bad.Load())
	})
	mux.HandleFunc("/flip", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch q.Get("ready") {
		case "":
		case "0":
			unready.Store(true)
		case "1":
			unready.Store(false)
		default:
			http.Error(w, "ready must be 0 or 1", http.StatusBadRequest)
			return
		}
		if q.Has("rate") {
			share, err := strconv.ParseFloat(q.Get("rate"), 64)
			if err != nil || !(share >= 0 && share <= 1) {
				http.Error(w, "rate must be a number from 0 to 1", http.StatusBadRequest)
				return
			}
			rate.Store(math.Float64bits(share))
		}
		fmt.Fprintf(w, "ready=%t rate=%g\n", !unready.Load(), math.Float64frombits(rate.Load()))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Duration(delay) * time.Millisecond)
		w.Header().Set("X-Version", version)
		if rand.Float64() < math.Float64frombits(rate.Load()) {
			bad.Add(1)
			w.WriteHeader(http.StatusInternalServerError)
		} else {
			good.Add(1)
		}
		fmt.Fprintln(w, version)
	})

	server := &http.Server{Addr: ":8080", Handler: mux}
	stopped := make(chan struct{})
	go func() {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		<-stop
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		close(stopped)
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-stopped
}

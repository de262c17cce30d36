// A receiver with Go's standard library alone, for the presets airy and standard.
//
// Run: WEBHOOK_KEY="a secret of mine" go run examples/receivers/receiver.go
// WEBHOOK_PRESET is airy unless it says standard, PORT is 9000.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	bodyBytesMax = 1024 * 1024 // no delivery is larger
	toleranceS   = 300         // standard signs the time too, against replays
)

func main() {
	key := os.Getenv("WEBHOOK_KEY")
	if key == "" {
		log.Fatal("WEBHOOK_KEY is needed: the webhook's signature_key")
	}
	isGenuine, member := isGenuineAiry, "payload"
	if os.Getenv("WEBHOOK_PRESET") == "standard" {
		isGenuine, member = isGenuineStandard, "data"
	}

	receive := func(response http.ResponseWriter, request *http.Request) {
		// The raw bytes: JSON that was parsed and printed again has others.
		body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, bodyBytesMax))
		if err != nil {
			response.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		if !isGenuine(request.Header, body, key) {
			fmt.Println("NOT GENUINE")
			response.WriteHeader(http.StatusBadRequest)
			return
		}
		var event map[string]json.RawMessage
		var eventType string
		if json.Unmarshal(body, &event) != nil || json.Unmarshal(event["type"], &eventType) != nil {
			response.WriteHeader(http.StatusBadRequest)
			return
		}
		// Delivery is at least once: skip an id that was handled before. What takes long is done after the answer.
		fmt.Println(request.Header.Get("Webhook-Id"), "genuine", eventType, string(event[member]))
	}

	port := os.Getenv("PORT")
	if port == "" {
		port = "9000"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("receiving on http://%s/\n", listener.Addr())
	server := http.Server{Handler: http.HandlerFunc(receive), ReadTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}

func isGenuineAiry(headers http.Header, body []byte, key string) bool {
	expected := hex.EncodeToString(digest([]byte(key), body))
	return hmac.Equal([]byte(expected), []byte(headers.Get("X-Airy-Content-Signature")))
}

func isGenuineStandard(headers http.Header, body []byte, key string) bool {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
	if err != nil {
		log.Fatal("WEBHOOK_KEY is not base64")
	}
	sentAt := headers.Get("Webhook-Timestamp")
	preamble := headers.Get("Webhook-Id") + "." + sentAt + "."
	expected := "v1," + base64.StdEncoding.EncodeToString(digest(secret, []byte(preamble), body))
	found := false
	for _, given := range strings.Split(headers.Get("Webhook-Signature"), " ") { // two during a rotation
		if hmac.Equal([]byte(expected), []byte(given)) {
			found = true
		}
	}
	seconds, err := strconv.ParseInt(sentAt, 10, 64)
	age := time.Since(time.Unix(seconds, 0)).Seconds()
	return found && err == nil && math.Abs(age) <= toleranceS
}

func digest(key []byte, parts ...[]byte) []byte {
	hash := hmac.New(sha256.New, key)
	for _, part := range parts {
		hash.Write(part)
	}
	return hash.Sum(nil)
}

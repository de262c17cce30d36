// Has a delivery judged by Go's standard-webhooks: reads {key, headers, body} from stdin, prints its type or why not.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func main() {
	var given struct {
		Key     string
		Headers map[string]string
		Body    string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		log.Fatal(err)
	}
	headers := http.Header{}
	for name, value := range given.Headers {
		headers.Set(name, value)
	}
	webhook, err := standardwebhooks.NewWebhook(given.Key)
	if err != nil {
		log.Fatal(err)
	}
	if err := webhook.Verify([]byte(given.Body), headers); err != nil {
		fmt.Println("refused", err)
		return
	}
	var event struct{ Type string }
	if err := json.Unmarshal([]byte(given.Body), &event); err != nil {
		log.Fatal(err)
	}
	fmt.Println("genuine", event.Type)
}

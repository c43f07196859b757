// Command poller asks every beacon for its state and hands the answers to the API.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"time"
)

const interval = 30 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	beacons, err := loadBeacons("beacons.csv")
	if err != nil {
		log.Fatal(err)
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		for _, beacon := range beacons {
			// TODO(mara): ask them in parallel, a slow one delays all that follow
			if err := beacon.poll(ctx); err != nil {
				log.Printf("%s: %v", beacon.name, err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

//! Serves objects over HTTP, each answer after a while: as far away as S3 is, and never busy.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::answer::{Answer, Body};
use crate::bandwidth::{Bandwidth, STEP};
use crate::objects::Objects;
use crate::request::Request;

pub(crate) async fn serve(objects: Objects, latency: Duration, bandwidth: Bandwidth) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    println!("http://{}", listener.local_addr().expect("its address"));
    let sorted = objects.sorted();
    let shared = Arc::new(Served { objects, sorted, latency, bandwidth });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move { connection(stream, &shared).await });
        }
    });
    // Whoever started it holds the other end.
    let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
}

struct Served {
    objects: Objects,
    sorted: Vec<usize>,
    latency: Duration,
    bandwidth: Bandwidth,
}

/// Until the client closes it.
async fn connection(mut stream: TcpStream, served: &Served) -> Option<()> {
    let Served { objects, sorted, latency, bandwidth } = served;
    stream.set_nodelay(true).ok()?;
    let mut read = BytesMut::new();
    loop {
        let request = Request::read(&mut stream, &mut read, &bandwidth.outbound).await?;
        tokio::time::sleep(*latency).await;
        let answer = Answer::to(&request, objects, sorted);
        match answer.body {
            Body::Text(text) => stream.write_all((answer.head + &text).as_bytes()).await.ok()?,
            Body::Object(number, range) => {
                stream.write_all(answer.head.as_bytes()).await.ok()?;
                for piece in objects.pieces(number, range) {
                    for step in piece.chunks(STEP) {
                        bandwidth.inbound.pass(step.len()).await;
                        stream.write_all(step).await.ok()?;
                    }
                }
            }
        }
    }
}

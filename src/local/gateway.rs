//! A local gateway: handles each HTTP request as API Gateway does, and calls the function behind it.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use axum::{
    body::Body,
    extract::{ConnectInfo, State},
    http::{HeaderValue, Method, Response, StatusCode, header, request::Parts},
    serve::ListenerExt,
};
use serde_json::{Map, Value};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    time,
};
use uuid::Uuid;

use super::{
    Options,
    authorization::{Authorization, MethodRequest},
    docs::Docs,
    health::health,
    payload,
    plan::{Key, Plan, Refusal},
    validation::Models,
};
use crate::{
    app::App,
    error::Error,
    functions::Service,
    gateway::{self, GatewayResponse, PathParameters, ProxyRequest, RestResource, Router, proxy_event},
    http::{self, Answer, Problem, cors},
    operations::Operation,
    runtime,
    telemetry::{Invocation, Sink, TraceContext},
};

/// API Gateway's limit for an integration.
const MAX_INTEGRATION: Duration = Duration::from_secs(29);

/// The gateway's configuration and shared state.
pub struct Gateway {
    app: Arc<App>,
    /// The app of each function.
    functions: HashMap<String, Arc<App>>,
    router: Router,
    plan: Plan,
    models: Models,
    /// The statuses each operation declares, by its name.
    statuses: HashMap<String, Vec<u16>>,
    docs: Docs,
    authorization: Arc<Authorization>,
    host: String,
    function_timeout: Duration,
    /// The receiver of the segments of each request, if they are shown.
    sink: Option<Arc<Sink>>,
    integration_timeout: Duration,
    /// Cloned into every running function: the channel closes when the last one ends.
    running: mpsc::Sender<()>,
}

impl Gateway {
    /// Returns a gateway to the operations of a service, with `host` as the host of its URLs.
    pub fn new(
        app: Arc<App>,
        functions: HashMap<String, Arc<App>>,
        service: &Service,
        authorization: Arc<Authorization>,
        options: &Options,
        host: String,
        running: mpsc::Sender<()>,
    ) -> Self {
        let operations = service.operations();
        let statuses = |operation: &Operation| (operation.name.clone(), operation.contract().statuses());
        Self {
            app,
            functions,
            plan: Plan::new(options),
            models: if options.no_validation { Models::none() } else { Models::new(&operations) },
            statuses: operations.iter().map(statuses).collect(),
            router: Router::new(operations),
            docs: Docs::new(service, options),
            authorization,
            host,
            sink: options.trace.then(|| Arc::new(Sink::Terminal)),
            function_timeout: Duration::from_secs_f64(options.timeout),
            integration_timeout: Duration::from_secs_f64(options.integration_timeout).min(MAX_INTEGRATION),
            running,
        }
    }
}

/// Serves requests on the listener until `stopped` resolves.
pub async fn serve(gateway: Gateway, listener: TcpListener, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    // A response is one write, so that Nagle's algorithm would only delay it.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let service = axum::Router::new().fallback(handle).with_state(Arc::new(gateway));
    let service = service.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(async { stopped.await.unwrap_or_default() }).await
}

async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let call = Call { gateway: &gateway, id: Uuid::now_v7().to_string(), source_ip: peer.ip(), head };
    let mut response = call.answer(body).await.unwrap_or_else(|answer| call.own(*answer));
    let id = call.id.parse().expect("a UUID is a header value");
    response.headers_mut().insert("x-amzn-requestid", id);
    response
}

/// One request.
struct Call<'a> {
    gateway: &'a Arc<Gateway>,
    id: String,
    source_ip: IpAddr,
    head: Parts,
}

impl Call<'_> {
    /// Returns the function's response, or the gateway's own as an error.
    async fn answer(&self, body: Body) -> Result<Response<Body>, Box<Answer>> {
        // The body is read first: a client that is still sending would not see an early response.
        let body = payload::read(body).await;
        if self.head.uri.path() == "/health" && self.head.method == Method::GET {
            return Err(health(&self.gateway.app, &self.id).await.into());
        }
        let (operation, parameters) = self.operation()?;
        let authorizer = self.authorize().await?;
        let key = self.key(operation)?;
        let body = body.map_err(|(status, detail)| self.problem(status, detail))?;
        let violations = self.gateway.models.check(operation, self.header("content-type"), &body);
        if !violations.is_empty() {
            return Err(http::problem(&Error::Invalid(violations), &self.id).into());
        }
        self.invoke(operation, self.event(operation, &parameters, key, authorizer, &body)).await
    }

    fn operation(&self) -> Result<(&Operation, PathParameters), Box<Answer>> {
        let path = self.head.uri.path();
        if path == "/health" {
            return Err(self.not_allowed("GET"));
        }
        if let Some(page) = self.gateway.docs.page(path).or_else(|| self.gateway.authorization.page(path)) {
            let is_get = self.head.method == Method::GET;
            return Err(if is_get { page.into() } else { self.not_allowed("GET") });
        }
        let route = self.gateway.router.find(path);
        let (resource, parameters) = route.ok_or_else(|| self.gateway_response(&gateway::NOT_FOUND))?;
        if self.head.method == Method::OPTIONS {
            return Err(preflight(resource).into());
        }
        let operation = resource.operation(self.head.method.as_str());
        Ok((operation.ok_or_else(|| self.not_allowed(&resource.methods()))?, parameters))
    }

    /// Returns the request's API key. A public operation needs none.
    fn key(&self, operation: &Operation) -> Result<Option<&Key>, Box<Answer>> {
        let presented = self.header("x-api-key");
        if operation.is_public() && presented.is_none() {
            return Ok(None);
        }
        self.gateway.plan.admit(presented).map(Some).map_err(|refusal| self.refuse(&refusal))
    }

    /// Returns the context of the request's token, if it has one. API Gateway calls the authorizer before it checks the API key.
    async fn authorize(&self) -> Result<Option<Map<String, Value>>, Box<Answer>> {
        let request = MethodRequest {
            method: self.head.method.as_str(),
            path: self.head.uri.path(),
            headers: &self.head.headers,
            id: &self.id,
        };
        let authorized = self.gateway.authorization.authorize(&request).await;
        authorized.map_err(|response| self.gateway_response(&response))
    }

    fn event(
        &self,
        operation: &Operation,
        path_parameters: &PathParameters,
        key: Option<&Key>,
        authorizer: Option<Map<String, Value>>,
        body: &[u8],
    ) -> String {
        let event = proxy_event(&ProxyRequest {
            operation,
            path: self.head.uri.path(),
            path_parameters,
            query: self.head.uri.query(),
            headers: &self.head.headers,
            body,
            key: key.map(|key| (key.value.as_str(), key.id)),
            authorizer,
            source_ip: self.source_ip,
            host: &self.gateway.host,
            id: &self.id,
            time: crate::record::now(),
        });
        event.to_string()
    }

    /// Runs the function. It runs to completion even after the integration timeout, or when the client disconnects.
    async fn invoke(&self, operation: &Operation, event: String) -> Result<Response<Body>, Box<Answer>> {
        let app = self.gateway.functions[&operation.function].clone();
        let (handler, running) = (operation.handler.clone(), self.gateway.running.clone());
        let limit = self.gateway.function_timeout.saturating_sub(runtime::ANSWER_MARGIN);
        let invocation = Invocation {
            request_id: None,
            trace: Some(TraceContext::new(crate::record::now().timestamp(), self.gateway.sink.is_some())),
            sink: self.gateway.sink.clone(),
        };
        let function = tokio::spawn(invocation.run(async move {
            let answer = runtime::respond(&app, &|app, request| handler(app, request), &event, limit).await;
            drop(running);
            answer
        }));
        match time::timeout(self.gateway.integration_timeout, function).await {
            Ok(Ok(answer)) => self.declared(operation, answer),
            Ok(Err(_)) => Err(self.gateway_response(&gateway::INTEGRATION_FAILURE)),
            Err(_) => Err(self.gateway_response(&gateway::INTEGRATION_TIMEOUT)),
        }
    }

    /// Returns the function's response if the contract declares its status, otherwise a 500.
    fn declared(&self, operation: &Operation, answer: ApiGatewayProxyResponse) -> Result<Response<Body>, Box<Answer>> {
        let status = answer.status_code;
        let is_declared = self.gateway.statuses[&operation.name].iter().any(|known| i64::from(*known) == status);
        let detail = || format!("{} answered {status}, which its contract does not declare.", operation.name);
        if is_declared {
            Ok(payload::into_response(answer))
        } else {
            Err(self.problem(StatusCode::INTERNAL_SERVER_ERROR, &detail()))
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Box<Answer> {
        let (wait, response) = match refusal {
            Refusal::UnknownKey => return self.gateway_response(&gateway::INVALID_API_KEY),
            Refusal::RateExceeded(wait) => (wait, gateway::THROTTLED),
            Refusal::QuotaUsedUp(wait) => (wait, gateway::QUOTA_EXCEEDED),
        };
        let mut answer = self.gateway_response(&response);
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        answer
    }

    fn not_allowed(&self, methods: &str) -> Box<Answer> {
        let mut answer = self.gateway_response(&gateway::METHOD_NOT_ALLOWED);
        answer.headers_mut().insert(header::ALLOW, methods.parse().expect("methods are header values"));
        answer
    }

    fn gateway_response(&self, response: &GatewayResponse) -> Box<Answer> {
        Box::new(response.answer(&self.id))
    }

    fn problem(&self, status: StatusCode, detail: &str) -> Box<Answer> {
        Box::new(Problem::new(status, detail, &self.id).into_answer())
    }

    /// Converts one of the gateway's own responses, with the CORS headers of a function's response.
    fn own(&self, mut answer: Answer) -> Response<Body> {
        cors::allow(&mut answer, self.header("origin"), &self.gateway.app.config.cors_origins);
        answer.map(payload::into_body)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Returns the response to a preflight (Fetch §3.2.2). The header that allows the origin is added as to every response.
fn preflight(resource: &RestResource) -> Answer {
    Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, resource.methods())
        .header(header::ACCESS_CONTROL_ALLOW_HEADERS, cors::ALLOWED_HEADERS)
        .header(header::ACCESS_CONTROL_MAX_AGE, cors::MAX_AGE_SECONDS)
        .body(lambda_http::Body::Empty)
        .expect("methods and names are header values")
}

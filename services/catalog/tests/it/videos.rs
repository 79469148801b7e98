use amphi_chassis::Kind;
use amphi_contracts::VideoId;
use amphi_contracts::proto::catalog::v1::{CreateVideoRequest, VideoState, Visibility};

use crate::support::{House, Who, on_each_engine};

fn titled(title: &str, description: &str) -> CreateVideoRequest {
    CreateVideoRequest {
        title: title.to_owned(),
        description: description.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_creator_makes_a_draft() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let video = house
            .create_video(&ada, titled(" Pilot ", "One.\r\nTwo."))
            .await
            .unwrap();
        assert_eq!(
            (video.title.as_str(), video.description.as_str()),
            ("Pilot", "One.\nTwo.")
        );
        assert_eq!(video.owner_id, ada.account_id.to_string());
        assert_eq!(video.state(), VideoState::Draft);
        assert_eq!(
            video.visibility(),
            Visibility::Public,
            "the configured default"
        );
        assert_eq!(video.version, 1);
        assert_eq!(video.created_at_us, video.updated_at_us);
        let read = house
            .get_video(Who::Account(&ada), &video.id)
            .await
            .unwrap();
        assert_eq!(read, video);
    })
    .await;
}

#[tokio::test]
async fn viewers_services_and_strangers_make_none() {
    on_each_engine(async |house: &mut House| {
        let viewer = house.viewer();
        for (who, kind) in [
            (Who::Account(&viewer), Kind::Forbidden),
            (Who::Service, Kind::Forbidden),
            (Who::Anonymous, Kind::Unauthenticated),
        ] {
            let refusal = house
                .client(who)
                .create_video(titled("Pilot", ""))
                .await
                .unwrap_err();
            assert_eq!(amphi_chassis::Problem::from(refusal).kind, kind, "{who:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_form_is_told_all_that_is_wrong_with_it() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let refusal = house
            .create_video(&ada, titled("movie\u{202E}4pm.exe", &"x".repeat(10_001)))
            .await
            .unwrap_err();
        assert_eq!(
            (refusal.kind, refusal.code.as_ref()),
            (Kind::Unprocessable, "validation_failed")
        );
        let fields: Vec<_> = refusal
            .fields
            .iter()
            .map(|field| (field.pointer.as_str(), field.code.as_str()))
            .collect();
        assert_eq!(
            fields,
            [
                ("/title", "forbidden_character"),
                ("/description", "too_long")
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn texts_of_any_script_survive_the_database() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let title = "첫 만남 – ½ “quoted” \\ ' % _ 🎬";
        let description = "가".repeat(10_000);
        let made = house
            .create_video(&ada, titled(title, &description))
            .await
            .unwrap();
        let read = house.get_video(Who::Anonymous, &made.id).await.unwrap();
        assert_eq!(
            (read.title.as_str(), read.description),
            (title, description)
        );
    })
    .await;
}

#[tokio::test]
async fn a_private_video_does_not_exist_for_others() {
    on_each_engine(async |house: &mut House| {
        let (ada, bob, admin) = (house.creator(), house.creator(), house.admin());
        let private = house.video(&ada, Visibility::Private).await;
        let unlisted = house.video(&ada, Visibility::Unlisted).await;
        for (who, sees_private) in [
            (Who::Account(&ada), true),
            (Who::Account(&admin), true),
            (Who::Service, true),
            (Who::Account(&bob), false),
            (Who::Anonymous, false),
        ] {
            let seen = house.get_video(who, &private.id).await;
            match seen {
                Ok(video) => assert!(sees_private && video.id == private.id, "{who:?}"),
                Err(refusal) => {
                    assert!(!sees_private, "{who:?}");
                    assert_eq!(
                        (refusal.kind, refusal.code.as_ref()),
                        (Kind::NotFound, "video_not_found")
                    );
                }
            }
            assert!(house.get_video(who, &unlisted.id).await.is_ok(), "{who:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_no_id_is_malformed() {
    on_each_engine(async |house: &mut House| {
        let unknown = house
            .get_video(Who::Anonymous, &VideoId::generate().to_string())
            .await;
        assert_eq!(unknown.unwrap_err().code, "video_not_found");
        let malformed = house
            .get_video(Who::Anonymous, "../etc/passwd")
            .await
            .unwrap_err();
        assert_eq!(malformed.kind, Kind::Invalid);
    })
    .await;
}

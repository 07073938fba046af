"""Sentences of integration and of a gateway's look. Persian, English."""

TABLE: dict[str, tuple[str, str]] = {
    # The integration pages.
    "integration.title": ("اتصال فروشگاه به درگاه", "Connect the shop to its gateway"),
    "integration.choose": (
        "درگاهی را که می‌خواهید به فروشگاه وصل کنید برگزینید.",
        "Choose the gateway that you want to connect.",
    ),
    "integration.gateways": ("درگاه‌های این حساب", "Gateways of this account"),
    "integration.gateway": ("درگاه", "Gateway"),
    "integration.number": ("شماره (ID)", "Number (ID)"),
    "integration.state": ("وضعیت", "State"),
    "integration.state.open": ("باز", "open"),
    "integration.state.suspended": ("متوقف", "suspended"),
    "integration.state.closed": ("بسته", "closed"),
    "integration.open_log": ("دیدن گزارش", "Open the log"),
    "integration.none": ("این حساب هنوز درگاهی ندارد.", "This account has no gateway yet."),
    "integration.tabs": ("بخش‌های اتصال", "Parts of the integration"),
    "tab.data": ("داده‌ها و نمونه‌ها", "Data and samples"),
    "tab.log": ("گزارش زنده", "Live log"),
    "tab.try": ("آزمایش PayRep", "Try PayRep"),
    "integration.data": ("داده‌های درگاه", "The gateway's data"),
    "integration.ID": ("شمارهٔ درگاه (ID)", "Gateway number (ID)"),
    "integration.form_url": ("نشانی فرم پرداخت", "Address of the payment form"),
    "integration.soap_url": ("نشانی وب‌سرویس", "Address of the web service"),
    "integration.wsdl_url": ("تعریف وب‌سرویس (WSDL)", "Definition of the web service (WSDL)"),
    "integration.domains": ("دامنه‌های ثبت‌شده", "Registered domains"),
    "integration.any_domain": (
        "RedirectURL می‌تواند در هر دامنه‌ای باشد",
        "RedirectURL may lie on any domain",
    ),
    "integration.no_domain": (
        "هنوز دامنه‌ای ثبت نشده است و هیچ فرمی پذیرفته نمی‌شود",
        "No domain is registered yet, so no form is accepted",
    ),
    "integration.sources": ("نشانی‌های مجاز برای PayRep", "Addresses that may call PayRep"),
    "integration.any_source": ("همهٔ نشانی‌ها", "every address"),
    "integration.sig": ("امضای فرم (Sig)", "Signature of the form (Sig)"),
    "integration.sig.none": ("کلیدی ساخته نشده است", "no key was made"),
    "integration.sig.may": ("دلخواه؛ اگر باشد بررسی می‌شود", "optional; checked where there is one"),
    "integration.sig.only": ("الزامی؛ فرم بی‌امضا پذیرفته نمی‌شود", "required; unsigned forms are refused"),
    "integration.set": ("دامنه‌ها، نشانی‌ها و امضا در صفحهٔ درگاه", "Domains, addresses, signature: the gateway's page"),
    "integration.steps": ("گام‌های اتصال", "Checklist"),
    "integration.see_log": ("گزارش زندهٔ فرم‌ها و فراخوانی‌ها", "Live log of forms and calls"),
    "step.done": ("انجام شد", "done"),
    "step.open": ("مانده", "to do"),
    "step.rmz": ("رمز درگاه (Rmz) گرفته شده است", "The gateway's password (Rmz) was fetched"),
    "step.rmz.hint": (
        "مالک حساب آن را یک بار در صفحهٔ درگاه می‌بیند.",
        "The account's owner sees it once, on the gateway's page.",
    ),
    "step.domain": ("دامنهٔ RedirectURL ثبت شده است", "The domain of RedirectURL is registered"),
    "step.domain.any": (
        "اکنون هر دامنه‌ای پذیرفته می‌شود؛ ثبت دامنه امن‌تر است.",
        "Any domain is accepted now; registering yours is safer.",
    ),
    "step.domain.still": (
        "دامنه‌های دیگر هنوز هم پذیرفته می‌شوند؛ این را در صفحهٔ درگاه ببندید.",
        "Other domains are still accepted; close that on the gateway's page.",
    ),
    "step.form": ("نخستین فرم پذیرفته شده است", "The first form was accepted"),
    "step.form.refused": (
        "فرم‌هایی رسیده اما رد شده‌اند؛ گزارش زنده دلیل را می‌گوید.",
        "Forms arrived and were refused; the live log says why.",
    ),
    "step.pay_rep": ("تابع PayRep با رمز درست فراخوانی شده است", "PayRep was called with the right password"),
    "step.acknowledged": (
        "فروشگاه از یک پرداخت انجام‌شده باخبر شده است (Err برابر صفر)",
        "The shop has been told of a payment (Err 0)",
    ),
    "integration.form_samples": ("نمونهٔ فرم پرداخت", "Samples of the payment form"),
    "integration.form_samples.hint": (
        "سفارش را پیش از نشان دادن فرم ذخیره کنید. شماره و نشانی‌های شما در نمونه‌ها گذاشته شده است.",
        "Save the order before you show the form. Your number and our addresses are filled in.",
    ),
    "integration.payrep_samples": ("نمونهٔ PayRep", "Samples of PayRep"),
    "integration.payrep_samples.hint": (
        "نتیجه را از سرور خود بپرسید. کالا را فقط وقتی تحویل دهید که Err صفر و Amnt همان مبلغ سفارش باشد.",
        "Ask for the result from your server. Deliver only when Err is 0 and Amnt is what the order costs.",
    ),
    "integration.placeholder": (
        "رمز درگاه در هیچ نمونه‌ای نیست؛ آن را در پیکربندی سرور، به جای این نوشته، بگذارید:",
        "The gateway's password stands in no sample; put it into the server's configuration, in place of:",
    ),
    "integration.download": ("دریافت فایل", "Download"),
    "integration.help": ("راهنمای کدهای خطا", "What the error codes mean"),
    # The live log.
    "log.title": ("گزارش زندهٔ اتصال", "Live integration log"),
    "log.sentence": (
        "آخرین فرم‌ها و فراخوانی‌های PayRep این درگاه، با آنچه در آن‌ها نادرست بود. رمز درگاه هرگز در اینجا نیست.",
        "The last forms and PayRep calls of this gateway, with what was wrong in them. The Rmz is never here.",
    ),
    "log.filter": ("فیلتر گزارش", "Filter"),
    "log.all": ("همه", "Everything"),
    "log.only_problems": ("فقط خطاها", "Only problems"),
    "log.moving.before": ("این صفحه هر", "This page looks again every"),
    "log.moving.after": ("ثانیه تازه می‌شود.", "seconds."),
    "log.follow": ("دنبال کردن رویدادهای تازه", "Follow new calls"),
    "log.at": ("زمان (تهران)", "Time (Tehran)"),
    "log.call": ("فراخوانی", "Call"),
    "log.res": ("شمارهٔ سفارش (Res)", "Payment number (Res)"),
    "log.outcome": ("نتیجه", "Outcome"),
    "log.details": ("جزئیات", "Details"),
    "log.form": ("فرم", "Form"),
    "log.explain": ("توضیح", "Explained:"),
    "log.source": ("از نشانی", "From"),
    "log.amount": ("مبلغ", "Amount"),
    "log.fields": ("فیلدها و شمار نویسه‌هایشان", "Fields and how many characters"),
    "log.empty": (
        "هنوز چیزی به این درگاه نرسیده است. یک فرم بفرستید یا PayRep را فراخوانی کنید؛ چند ثانیه بعد اینجاست.",
        "Nothing has come to this gateway yet. Post a form or call PayRep; seconds later it is here.",
    ),
    "log.no_problems": ("خطایی دیده نشده است.", "No problems were seen."),
    "log.keep": (
        "گزارش یک هفته و حداکثر هزار ردیف نگه داشته می‌شود. از درگاه شلوغ، در هر ثانیه چند ردیف نمونه برداشته می‌شود.",
        "Kept for a week, a thousand rows at most. Of a busy gateway a few rows a second are taken as a sample.",
    ),
    "log.rmz_missing": (
        "فیلد Rmz در فراخوانی نبود. نام آن را با همین حروف و در فضای نام تابع بفرستید.",
        "The call had no Rmz. Send it under this very name, in the function's namespace.",
    ),
    "log.parameter_missing": (
        "یکی از پارامترها در فراخوانی نبود و تابع اجرا نشد. ID و Rmz و Res هر سه را بفرستید.",
        "The call lacked a parameter, so the function did not run. Send all three: ID, Rmz and Res.",
    ),
    "outcome.registered": ("ثبت شد", "registered"),
    "outcome.continued": ("دوباره رسید و ادامه یافت", "came again, continued"),
    "outcome.paid": ("پیش‌تر پرداخت شده", "already paid"),
    "outcome.refused": ("رد شد", "refused"),
    # The test console.
    "try.title": ("آزمایش PayRep", "Try PayRep"),
    "try.ask": ("پرسش", "Ask"),
    "try.note": (
        "این صفحه همان پاسخی را نشان می‌دهد که سرور شما می‌گیرد، اما رمز نمی‌خواهد و چیزی را به حساب فروشگاه نمی‌گذارد: "
        "تا خود فروشگاه نپرسد، خرید «نتیجه گرفته نشده» می‌ماند.",
        "This shows the very answer that your server would get, but needs no password and acknowledges nothing: until "
        "the shop itself asks, the payment stays unacknowledged.",
    ),
    "try.res": ("شمارهٔ سفارش (Res)", "Payment number (Res)"),
    "try.version": ("نسخهٔ SOAP", "SOAP version"),
    "try.send": ("بپرس", "Ask"),
    "try.recent": ("آخرین خریدهای این درگاه:", "The latest purchases of this gateway:"),
    "try.result": ("پاسخ", "Answer"),
    "try.fields": ("فیلدهای پاسخ", "Fields of the answer"),
    "try.value": ("مقدار", "Value"),
    "try.absent": ("فرستاده نمی‌شود", "not sent"),
    "try.empty": ("خالی", "empty"),
    "try.no_money": (
        "نقش شما مبلغ‌ها را نمی‌بیند؛ سرور فروشگاه Amnt را با رقم می‌گیرد.",
        "Your role sees no amounts; the shop's server gets Amnt in digits.",
    ),
    "try.request": ("درخواست خام", "Raw request"),
    "try.answer": ("پاسخ خام", "Raw answer"),
    "try.check": ("آیا رمز درست است؟", "Is the password right?"),
    "try.check.note": (
        "رمز فقط با آنچه داریم مقایسه می‌شود؛ نه نگه داشته می‌شود و نه در گزارشی می‌آید. حدس‌های نادرست شمرده می‌شوند.",
        "It is compared with what we have, kept nowhere and logged nowhere. Wrong guesses are counted.",
    ),
    "try.rmz": ("رمز درگاه (Rmz)", "Gateway's password (Rmz)"),
    "try.check.send": ("مقایسه کن", "Compare"),
    "done.rmz_right": ("رمز درست است.", "The password is right."),
    "problem.rmz_wrong": (
        "این رمز این درگاه نیست. شاید نویسه‌ای افتاده باشد یا رمز پس از تعویض کهنه شده باشد.",
        "This is not the gateway's password. A character may be missing, or it was replaced by a newer one.",
    ),
    # What the codes mean, beyond their own sentences.
    "help.forms": ("کدهای فرم پرداخت", "Codes of the payment form"),
    "help.errs": ("مقدارهای Err در PayRep", "Values of Err in PayRep"),
    "help.form_unreadable": (
        "معمولاً فرم با JSON یا با کدگذاری دیگری فرستاده شده است. چنین فرمی ID ندارد و در گزارش زنده دیده نمی‌شود.",
        "Usually the form was sent as JSON or in another encoding. It has no ID then, so the live log cannot show it.",
    ),
    "help.field_repeated": (
        "نام فیلدها بدون توجه به بزرگی و کوچکی حروف مقایسه می‌شود؛ Res و res یک فیلدند.",
        "Names are compared without regard to case: Res and res are one field.",
    ),
    "help.id_unknown": (
        "رقم آخر شماره از رقم‌های دیگر ساخته می‌شود؛ شماره را از صفحهٔ اتصال کپی کنید.",
        "The last digit is made from the others; copy the number from the integration page.",
    ),
    "help.gateway_suspended": (
        "خریدهای پیشین همچنان با PayRep پاسخ داده می‌شوند. دلیل توقف در صفحهٔ درگاه نوشته شده است.",
        "PayRep still answers for earlier purchases. The gateway's page says why it was suspended.",
    ),
    "help.gateway_closed": (
        "درگاه بسته دیگر باز نمی‌شود؛ برای فروش دوباره درگاه تازه‌ای درخواست کنید.",
        "A closed gateway never opens again; apply for a new one.",
    ),
    "help.res_missing": (
        "شماره را سرور فروشگاه می‌سازد و پیش از نشان دادن فرم با سفارش ذخیره می‌کند.",
        "The shop's server makes the number and saves it with the order before it shows the form.",
    ),
    "help.res_too_long": (
        "شناسهٔ یکتای پایگاه داده یا شمارهٔ سفارش بس است؛ متن یا نشانی در آن نگذارید.",
        "A database id or an order number is enough; put no texts or addresses into it.",
    ),
    "help.res_malformed": (
        "گاهی هنگام کپی، نویسه‌ای نادیدنی یا پایان خط به شماره می‌چسبد.",
        "Copying sometimes leaves an invisible character or a line end in the number.",
    ),
    "help.amnt_missing": (
        "نام فیلد Amnt است، نه Amount.",
        "The field is called Amnt, not Amount.",
    ),
    "help.amnt_not_a_number": (
        "رقم‌های فارسی پذیرفته می‌شوند، جداکنندهٔ هزارگان و اعشار نه. مبلغ را پیش از فرستادن به عدد صحیح تبدیل کنید.",
        "Persian digits are accepted, separators and decimals are not. Make it a whole number before you send it.",
    ),
    "help.amnt_too_small": (
        "اگر فروشگاه به تومان حساب می‌کند، مبلغ را ده برابر کنید و بفرستید.",
        "If the shop counts in Toman, send ten times the amount.",
    ),
    "help.amnt_too_large": (
        "شاید تبدیل تومان به ریال دو بار انجام شده باشد.",
        "Perhaps Toman were turned into Rial twice.",
    ),
    "help.nam_too_long": ("نام را در سرور فروشگاه کوتاه کنید.", "Cut the name in the shop's server."),
    "help.dsc_too_long": (
        "فهرست کالاها را در سفارش نگه دارید و در شرح فقط شماره یا عنوان آن را بفرستید.",
        "Keep the list of goods in the order, and send only its number or title.",
    ),
    "help.redirect_missing": (
        "بی این نشانی خریدار راه بازگشت ندارد.",
        "Without it the buyer has no way back.",
    ),
    "help.redirect_too_long": (
        "اطلاعات سفارش را در نشانی نگذارید؛ با Res آن را پیدا کنید.",
        "Put no data of the order into the address; find it by Res.",
    ),
    "help.redirect_malformed": (
        "نشانی باید کامل باشد و فاصله یا نویسهٔ ویژهٔ رمزنشده نداشته باشد.",
        "The address must be whole, without blanks or unescaped special characters.",
    ),
    "help.redirect_scheme": (
        "نشانی برنامهٔ موبایل پذیرفته نیست؛ صفحه‌ای در سایت بگذارید که برنامه را باز کند.",
        "An app's own scheme is not accepted; let a page of your site open the app.",
    ),
    "help.redirect_credentials": (
        "نشانی در مرورگر خریدار دیده می‌شود؛ رازی در آن نگذارید.",
        "The buyer's browser shows the address; put no secret into it.",
    ),
    "help.redirect_not_registered": (
        "دامنهٔ نشانی را در صفحهٔ درگاه ثبت کنید. زیردامنه‌ها با دامنهٔ خود پذیرفته می‌شوند.",
        "Register the address's domain on the gateway's page. Subdomains come with their domain.",
    ),
    "help.sig_wrong": (
        "امضا از همان مقدارهایی ساخته می‌شود که فرستاده می‌شوند، به همان ترتیب و با کدگذاری UTF-8. "
        "نمونه‌ها در صفحهٔ درگاه‌اند.",
        "The signature is made of the very values that are sent, in their order, in UTF-8. Samples stand on the "
        "gateway's page.",
    ),
    "help.sig_missing": (
        "این درگاه فقط فرم‌های امضاشده را می‌پذیرد. فیلد Sig را به فرم بیفزایید یا این تنظیم را تغییر دهید.",
        "This gateway accepts signed forms only. Add the field Sig, or change the setting.",
    ),
    "help.unsigned_too_large": (
        "مبلغ از حدی که برای فرم‌های بی‌امضا گذاشته‌اید بیشتر است؛ فرم را امضا کنید یا حد را تغییر دهید.",
        "The amount is above the limit that you set for unsigned forms; sign the form, or change the limit.",
    ),
    "help.res_used": (
        "فرم دوم با همان Res فقط وقتی ادامه می‌یابد که ID، Amnt و RedirectURL آن همان باشند. "
        "برای تلاش تازه Res تازه بسازید.",
        "A second form with the same Res continues only if ID, Amnt and RedirectURL are the same. Make a new Res for a "
        "new try.",
    ),
    "help.res_paid": (
        "خریدار دکمهٔ بازگشت را زده یا سفارش را دوباره فرستاده است. چیزی دوباره از او گرفته نمی‌شود.",
        "The buyer pressed back or sent the order again. Nothing is charged twice.",
    ),
    "help.rmz_missing": (
        "در SOAP معمولاً فضای نام یا نام پارامتر نادرست است؛ از نمونه‌ها کمک بگیرید.",
        "In SOAP the namespace or the parameter's name is usually wrong; compare with the samples.",
    ),
    "help.parameter_missing": (
        "در روش GET پارامترها در نشانی می‌آیند و در روش POST در بدنهٔ فرم، با کدگذاری درست نشانی.",
        "By GET the parameters stand in the address, by POST in the form's body, both percent-encoded.",
    ),
    "help.err.not_paid_yet": (
        "خریدار هنوز به بانک نرفته است. سفارش را باز نگه دارید و بعد دوباره بپرسید.",
        "The buyer has not gone to the bank yet. Keep the order open and ask again later.",
    ),
    "help.err.being_confirmed": (
        "سفارش را لغو نکنید؛ یک دقیقه بعد دوباره بپرسید.",
        "Do not cancel the order; ask again in a minute.",
    ),
    "help.err.under_review": (
        "کالا را تحویل ندهید؛ همکاران ما بررسی می‌کنند.",
        "Deliver nothing; people are looking into it.",
    ),
    "help.err.wrong_id_or_rmz": (
        "کسی با این ID و رمز نادرست پرسیده است. اگر نشانی او سرور شما نیست، کسی رمز را حدس می‌زند؛ "
        "اگر هست، رمز را در پیکربندی با صفحهٔ آزمایش مقایسه کنید.",
        "Somebody asked with this ID and a wrong password. If the address is not your server's, somebody guesses; if "
        "it is, compare the configured password on the test page.",
    ),
    "help.err.res_unknown": (
        "Res باید همان باشد که در فرم بود، حرف به حرف؛ فرمِ ردشده چیزی ثبت نمی‌کند.",
        "Res must be what the form had, letter by letter; a refused form registers nothing.",
    ),
    "help.err.source_not_allowed": (
        "رمز درست بود اما نشانی در فهرست درگاه نیست. نشانی سرور را به فهرست بیفزایید.",
        "The password was right, but the gateway does not list the address. Add your server's address.",
    ),
    "help.err.gateway_suspended": (
        "درگاه فروش تازه ندارد؛ خریدهای پیشین همچنان پاسخ داده می‌شوند.",
        "The gateway sells nothing new; earlier purchases are still answered for.",
    ),
    "help.err.too_many_calls": (
        "از این نشانی بارها رمز نادرست آمده است. رمز درست همیشه پاسخ می‌گیرد.",
        "This address sent a wrong password many times. A right one is always answered.",
    ),
    "help.err.out_of_order": (
        "اشکال از ماست؛ چند ثانیه بعد دوباره بپرسید.",
        "It is our fault; ask again in some seconds.",
    ),
    # A gateway's look.
    "settings.brand": ("ظاهر صفحهٔ پرداخت", "Look of the pay pages"),
    "settings.brand.sentence": (
        "خریدار در صفحه‌های پرداخت نام، نشان و رنگ فروشگاه را می‌بیند. نام و نشان موپوز در بالای صفحه می‌ماند.",
        "On the pay pages buyers see the shop's name, logo and colour. MoPos stays named at the top.",
    ),
    "settings.change": ("تغییر ظاهر", "Change the look"),
    "settings.closed": (
        "این درگاه بسته است و ظاهر آن دیگر تغییر نمی‌کند.",
        "This gateway is closed; its look changes no more.",
    ),
    "settings.name": ("نام فروشگاه برای خریدار", "The shop's name for buyers"),
    "settings.name.hint": (
        "اگر خالی بماند نام درگاه نشان داده می‌شود.",
        "Left empty, the gateway's name is shown.",
    ),
    "settings.colour": ("رنگ", "Colour"),
    "settings.colour.hint": (
        "نشان # و شش رقم شانزده‌شانزدهی. رنگ نوشته‌ها را خودمان چنان می‌سازیم که در صفحهٔ روشن و تیره خوانا باشد.",
        "As #rrggbb. The colours of texts are made from it, so that they can be read on light and dark pages.",
    ),
    "settings.logo": ("نشان تازه", "New logo"),
    "settings.logo.now": ("نشان کنونی:", "The present logo:"),
    "settings.logo.hint": (
        "PNG یا JPEG یا WebP تا دو مگابایت و چهار میلیون پیکسل؛ به اندازهٔ صفحه کوچک می‌شود.",
        "PNG, JPEG or WebP, up to 2 MB and 4 million pixels; it is made as small as the page shows it.",
    ),
    "settings.without_logo": ("نشان برداشته شود", "Take the logo away"),
    "settings.save": ("ذخیره", "Save"),
    "settings.try_on": ("دیدن پیش از ذخیره", "See it before saving"),
    "settings.preview": ("صفحهٔ پرداخت کنونی", "The pay page as it is"),
    "done.brand": (
        "ظاهر تازه ذخیره شد و خریداران از همین اکنون آن را می‌بینند.",
        "The new look is saved; buyers see it from now on.",
    ),
    "contrast.title": ("خوانایی", "Contrast"),
    "contrast.table": ("خوانایی در هر جا", "Contrast, place by place"),
    "contrast.sentence": (
        "نوشته‌ها باید دست‌کم نسبتِ چهار و نیم به یک با پس‌زمینه داشته باشند (WCAG). از رنگ شما این‌ها ساخته شده است:",
        "Texts need a contrast of 4.5 with what is behind them (WCAG). This was made of your colour:",
    ),
    "contrast.where": ("کجا", "Where"),
    "contrast.text": ("نوشته", "Text"),
    "contrast.ground": ("پس‌زمینه", "Behind it"),
    "contrast.ratio": ("نسبت", "Contrast"),
    "contrast.button": ("دکمهٔ اصلی", "Main button"),
    "contrast.light": ("پیوند در صفحهٔ روشن", "Link on a light page"),
    "contrast.dark": ("پیوند در صفحهٔ تیره", "Link on a dark page"),
    "contrast.white": ("نوشتهٔ سفید روی این رنگ", "White text on the colour"),
    "contrast.black": ("نوشتهٔ سیاه روی این رنگ", "Black text on the colour"),
    "preview.name": ("خریدار نمونه", "Sample buyer"),
    "preview.what": ("این صفحه فقط پیش‌نمایش است", "This page is a preview only"),
    "act.brand_changed": ("ظاهر صفحهٔ پرداخت درگاه {subject} را تغییر داد", "changed the look of gateway {subject}"),
    "problem.brand_name_too_long": (
        "نام بلندتر از شصت نویسه است. نام کوتاه‌تری بنویسید.",
        "The name is longer than 60 characters. Write a shorter one.",
    ),
    "problem.brand_colour_malformed": (
        "رنگ خوانده نشد. آن را با نشان # و شش رقم شانزده‌شانزدهی بنویسید.",
        "The colour could not be read. Write it as #rrggbb.",
    ),
    "problem.brand_logo_too_large": (
        "فایل نشان بزرگ‌تر از دو مگابایت است.",
        "The logo's file is larger than 2 MB.",
    ),
    "problem.brand_logo_dimensions": (
        "اندازهٔ نشان مناسب نیست: هر ضلع دست‌کم شانزده پیکسل و همهٔ آن حداکثر چهار میلیون پیکسل باشد.",
        "The logo's size does not fit: at least 16 pixels each way, at most 4 million in all.",
    ),
    "problem.brand_logo_unreadable": (
        "نشان خوانده نشد. یک فایل سالم PNG یا JPEG یا WebP بفرستید.",
        "The logo could not be read. Send a sound PNG, JPEG or WebP file.",
    ),
}
